/* How a rotation and a deactivation reach a subscriber, by the rules of proto/DELIVERY.md: one environment, one
 * subscriber, one restart of the service, and a clock of small steps. check.sh searches all of it, as it is and with
 * each rule broken: what is named after #ifdef breaks one.
 *
 * Any step may come at any time or never: a part that is paused, slow or cut off is merely not chosen. promises() holds
 * after every step. Times are ages in ticks that stop growing at a cap; only the order of the bounds matters.
 *
 * Revision 1: K0 is primary. 2: K1 is published. 3: K1 is primary. 4: K0 is deactivated. Service revisions are counted
 * in the same numbers: the latest change of this environment that they include.
 *
 * Not here: readers of JWKS over HTTP, the expiry of tokens, what a key is allowed to sign. */

#ifndef UNDER_WAY
#define UNDER_WAY 1                 /* heartbeats at a time */
#endif
#define LEASE 2                     /* of the first run of the service */
#ifndef NEXT_LEASE
#define NEXT_LEASE 1                /* of the second: max_lease was lowered */
#endif
#define DRIFT 1                     /* what a clock loses at most from the taking of the offset to the end of a lease */
#define HORIZON (LEASE + DRIFT)
#define NEXT_HORIZON (NEXT_LEASE + DRIFT)
#define REGISTERED 3                /* since the sending of its last answered renewal, by the subscriber's clock */
#ifdef KEEP_NO_LONGER_THAN_REGISTERED
#define KEPT REGISTERED
#else
#define KEPT (REGISTERED + DRIFT)   /* since the arrival of its last renewal, by the service's clock */
#endif

#if defined(OFFSET_FROM_ANSWER) || defined(STOP_CLOCK_IN_SUSPEND) || defined(DRIFT_IN_EACH_LEASE)
#define CAP (HORIZON + 2)           /* it believes that much to be younger than it is */
#else
#define CAP HORIZON
#endif
#define CAP_REGISTERED (REGISTERED + DRIFT)

/* ---- the service */

byte revision = 1;                  /* committed, and every worker judges by it */
bool second_run, restored;          /* restored: from a backup of revision 1. The K1 that follows is another key. */
byte started = CAP;                 /* ago. The store of the first run is new: it has no earlier subscribers. */
byte changed = CAP;                 /* ago: the swap of revision 2 or 4 */
#ifdef LIST_ONLY_WHAT_WAS_SENT
byte sent = 1;                      /* the publisher has sent the events up to this revision */
#define listed sent
#else
#define listed revision
#endif

bool known, follows;                /* the subscriber's entry in the registry */
byte renewed, confirmed;            /* renewed: ago */
bool unheard;                       /* the entry is new, and the subscriber has not heard its instance id yet */

bool beating;                       /* a heartbeat is in the making */
byte beat_stamp;                    /* ago */
#ifdef STAMP_AFTER_REVISIONS
byte beat_revision;
#endif

/* ---- the subscriber */

bool registered, in_second_run;     /* in_second_run: of which run it has the boot id */
byte answered;                      /* ago: the sending of the last answered hello or renewal */
#if defined(OFFSET_FROM_ANSWER) || defined(STOP_CLOCK_IN_SUSPEND) || defined(DRIFT_IN_EACH_LEASE)
byte lost = DRIFT;                  /* ticks by which it believes things younger than they are */
#else
#define lost DRIFT                  /* the worst case: nothing that it does depends on it */
#endif
bool synchronised;                  /* it has a snapshot, taken in this registration */
byte held = 1, synced;              /* the revision by which it judges; the last synchronised service revision */
bool held_restored;                 /* the epoch of what it holds */
byte stamp = CAP;                   /* ago: the last counting heartbeat's */
#ifdef CONFIRM_BEFORE_SWAP
byte received;                      /* not judged by yet */
#endif
#ifdef APPLY_ACROSS_GAP
bool missed_k1;
#else
#define missed_k1 false
#endif
#ifdef READ_STATE_BEFORE_SIGNATURE
bool accepting;                     /* a token of K0 was found good, and the verdict is not given yet */
#endif

/* ---- between them. Every message may be lost at any time. */

mtype = { NONE, HELLO, HELLO_ANSWER, RENEW, RENEW_ANSWER, REFUSAL, ASKED, FOLLOWED, READ, SNAPSHOT };

/* Heartbeats, in order: the run, how long ago the stamp was taken, the revision. An event needs no place here: it may
 * be heard at any time after its swap, or never. */
chan air = [UNDER_WAY] of { byte, byte, byte };
byte of_second_run, taken, of_revision; /* of the message at hand; 0 between the steps */
inline put_aside() {
  of_second_run = 0; taken = 0; of_revision = 0
}

/* A subscriber has one request under way at a time: hello, renewal, or that for a snapshot, which is ASKED, then at the
 * service FOLLOWED (and READ), then SNAPSHOT. */
mtype call = NONE;
byte call_sent;                     /* ago: the hello or renewal */
byte call_revision;                 /* that a renewal lists (0: none), or of the snapshot */
bool call_restored, call_of_second_run;
#ifdef OFFSET_FROM_ANSWER
byte call_answered;                 /* ago: when the service read its clock */
#endif
#ifdef READ_SERVICE_REVISION_LAST
byte call_synced;
#else
#define call_synced call_revision
#endif
/* A renewal that lists nothing and was given up, but is under way to the service. */
bool stray, stray_outdated;         /* outdated: a request with a higher sequence was there before it */

/* ---- what must hold */

#define lease_holds (stamp < CAP && stamp < (in_second_run -> NEXT_LEASE : LEASE) + lost)
#define fresh (registered && synchronised && answered < CAP_REGISTERED && answered < REGISTERED + lost && lease_holds)
#define same_epoch (held_restored == restored)
#define knows_k1 (held >= 2 && !missed_k1 && same_epoch)
#define refuses_k0 (held == 4)

/* Whether a horizon is over. Those of the run before may have been longer. */
#ifdef FORGET_LONGER_LEASE
#define over(ago) (ago >= (second_run -> NEXT_HORIZON : HORIZON))
#define all_known over(started)
#else
#define over(ago) (ago >= HORIZON || (ago >= NEXT_HORIZON && second_run && started >= HORIZON))
#define all_known (started >= HORIZON)
#endif

/* A restored backup takes back what was said. Until the leases of the run before have ended, a subscriber may
 * not know a key that signs now, or know it as deactivated. */
#ifdef SIGN_AT_ONCE_AFTER_RESTORE
#define excused false
#else
#define excused (restored && !all_known)
#endif

inline promises() {
#ifndef ONLY_3
  /* 2: No fresh subscriber refuses a token of the primary key, not even one that is behind. */
  assert(!(fresh && !excused && (revision >= 3 -> !knows_k1 : refuses_k0)));
#endif
  /* 3: No subscriber accepts a deactivated key a horizon after its swap, */
  assert(!(lease_holds && revision == 4 && over(changed) && same_epoch && !refuses_k0));
  /* and one that has confirmed never does. */
  assert(!(known && follows && confirmed == 4 && same_epoch && !refuses_k0))
}

/* ---- changes */

#define all_confirmed (!(known && follows) || confirmed >= 2)

#if defined(PROMOTE_AT_ONCE)
#define may_promote true
#elif defined(PROMOTE_AT_ONCE_AFTER_START)
#define may_promote (all_confirmed || over(changed))
#elif defined(PROMOTE_BY_TIMEOUT)
#define may_promote ((all_known && all_confirmed) || changed >= LEASE - 1)
#elif defined(PROMOTE_WITHOUT_DRIFT)
#define may_promote ((all_known && all_confirmed) || changed >= LEASE)
#else
#define may_promote (all_known && (all_confirmed || over(changed)))
#endif

inline publish() {
  revision == 1; revision = 2; changed = 0; printf("service: publishes K1: revision 2\n")
}
inline promote() {
  revision == 2 && may_promote; revision = 3; changed = CAP; printf("service: promotes K1: revision 3\n")
}
inline deactivate() {
#ifdef PROMOTE_SUCCESSOR_UNCONFIRMED
  revision == 2 || revision == 3; revision = 4; changed = 0; printf("service: deactivates K0: revision 4\n")
#else
  revision == 3; revision = 4; changed = 0; printf("service: deactivates K0: revision 4\n")
#endif
}

inline forget() {
  known = false; follows = false; renewed = 0; confirmed = 0; unheard = false;
  stray = false; stray_outdated = false /* its instance id is not known any more */
}
inline start_again() {
  second_run = true; started = 0; beating = false; beat_stamp = 0; forget();
#ifdef LIST_ONLY_WHAT_WAS_SENT
  sent = revision;
#endif
#ifdef STAMP_AFTER_REVISIONS
  beat_revision = 0;
#endif
  if
  :: call == FOLLOWED || call == READ -> clear_call()
  :: else
  fi
}
inline restart() {
  !second_run; start_again(); printf("service: restarts\n")
}
inline restore() {
  !second_run && revision > 1;
  restored = true; revision = 1; changed = CAP; start_again();
  printf("service: restarts with a backup of revision 1\n")
}

/* ---- events and heartbeats */

#ifdef LIST_ONLY_WHAT_WAS_SENT
inline send_event() {
  sent < revision; sent++; printf("service: sends event %d\n", sent)
}
#endif

inline begin_beat() {
  !beating && nfull(air);
  beating = true; beat_stamp = 0;
#ifdef STAMP_AFTER_REVISIONS
  beat_revision = listed;
#endif
  printf("service: begins a heartbeat\n")
}
inline send_beat() {
  beating;
#ifdef STAMP_AFTER_REVISIONS
  air!second_run, 0, beat_revision;
  printf("service: sends the heartbeat of revision %d\n", beat_revision);
  beat_revision = 0;
#else
  air!second_run, beat_stamp, listed;
  printf("service: sends the heartbeat of revision %d\n", listed);
#endif
  beating = false; beat_stamp = 0
}

#ifdef TRUST_ANOTHER_BOOT
#define of_my_boot true
#else
#define of_my_boot (of_second_run == in_second_run)
#endif
#ifdef IGNORE_COVERS_FROM
#define nothing_missed(lists) true
#else
#define nothing_missed(lists) (lists || synced >= of_revision)
#endif
#ifdef KEEP_LEASE_WHILE_BEHIND
#define not_behind(lists) true
#else
#define not_behind(lists) (!lists || held >= of_revision)
#endif

/* Lists: covers_from is 0, and the revision is listed. Else covers_from is the revision, and nothing is listed. */
inline hear_beat(lists) {
  nempty(air);
  air?of_second_run, taken, of_revision;
  if
  :: registered && synchronised && of_my_boot && nothing_missed(lists) && not_behind(lists) ->
     if
     :: taken < stamp -> stamp = taken
     :: else
     fi;
     if
     :: of_revision > synced -> synced = of_revision
     :: else
     fi;
     printf("subscriber: counts the heartbeat of revision %d, stamped %d ago\n", of_revision, taken)
  :: else -> printf("subscriber: a heartbeat of revision %d does not count, or is lost\n", of_revision)
  fi;
  put_aside()
}

#if defined(APPLY_ACROSS_GAP)
#define applies(number) (number > held)
#elif defined(CONFIRM_BEFORE_SWAP)
#define applies(number) (number == held + 1 && received == 0)
#else
#define applies(number) (number == held + 1)
#endif

inline hear_event(number) {
  synchronised && same_epoch && number <= revision && applies(number);
#ifdef APPLY_ACROSS_GAP
  missed_k1 = (missed_k1 || (held < 2 && number > 2));
#endif
#ifdef CONFIRM_BEFORE_SWAP
  received = number;
#else
  held = number;
#endif
  printf("subscriber: hears event %d\n", number)
}
#ifdef CONFIRM_BEFORE_SWAP
inline swap_in() {
  received > 0; held = received; received = 0; printf("subscriber: judges by revision %d\n", held)
}
#endif
#ifdef SYNCHRONISE_BY_ANOTHER_ENVIRONMENT
inline hear_other_event() {
  synchronised && synced < revision; synced = revision; printf("subscriber: hears another environment's event\n")
}
#endif

#ifdef READ_STATE_BEFORE_SIGNATURE
inline begin_verdict() {
  lease_holds && !refuses_k0 && !accepting; accepting = true; printf("verifier: finds K0 live\n")
}
inline end_verdict() {
  accepting;
  accepting = false; printf("verifier: accepts a token of K0\n");
  assert(!(revision == 4 && over(changed)))
}
#endif

/* ---- requests */

inline clear_call() {
  call = NONE; call_sent = 0; call_revision = 0; call_restored = false; call_of_second_run = false;
#ifdef OFFSET_FROM_ANSWER
  call_answered = 0;
#endif
#ifdef READ_SERVICE_REVISION_LAST
  call_synced = 0;
#endif
}
inline give_up() {
  call != NONE; clear_call(); printf("subscriber: gives its request up\n")
}
inline give_up_too_early() {
  call == RENEW && call_revision == 0 && !stray && !second_run; /* in the second run it would be the same */
  clear_call(); stray = true; stray_outdated = false;
  printf("subscriber: gives its renewal up, which is under way\n")
}
#ifdef RENEW_WHILE_ASKING
inline renew_meanwhile() {
  (call == ASKED || call == FOLLOWED || call == SNAPSHOT) && !synchronised && !stray;
  stray = true; stray_outdated = false;
  printf("subscriber: renews meanwhile, listing nothing\n")
}
#endif
inline lose_stray() {
  stray; stray = false; stray_outdated = false
}

/* Hello and renewal. */

inline say_hello() {
  call == NONE; call = HELLO; printf("subscriber: says hello\n")
}
inline answer_hello() {
  call == HELLO;
  call = HELLO_ANSWER; call_of_second_run = second_run;
#ifndef REVIVE_INSTANCE
  unheard = unheard || !known; /* else its registration goes on */
#endif
  known = true; renewed = 0;
  printf("service: answers the hello\n")
}
inline renew() {
  call == NONE && registered;
  call = RENEW;
  call_revision = (synchronised -> held : 0);
#ifdef CONFIRM_BEFORE_SWAP
  call_revision = (synchronised && received -> received : call_revision);
#endif
  printf("subscriber: renews, holding revision %d\n", call_revision)
}
inline answer_renewal() {
  call == RENEW;
  if
  :: !known || unheard -> call = REFUSAL; printf("service: does not know who renews\n")
  :: else ->
     call = RENEW_ANSWER; renewed = 0;
     if
     :: call_revision == 0 -> follows = false; confirmed = 0
     :: follows && call_revision > confirmed -> confirmed = call_revision
     :: else
     fi;
     stray_outdated = stray;
     printf("service: answers the renewal, follows: %d, confirmed: %d\n", follows, confirmed)
  fi;
  call_revision = 0
}
inline take_stray() {
  stray;
  if
#ifdef IGNORE_SEQUENCE
  :: known && !unheard -> follows = false; confirmed = 0; renewed = 0
#else
  :: known && !unheard && !stray_outdated -> follows = false; confirmed = 0; renewed = 0
#endif
  :: else
  fi;
  stray = false; stray_outdated = false;
  printf("service: takes a renewal that was given up, follows: %d\n", follows)
}
inline desynchronise() {
  synchronised = false; synced = 0;
#ifdef CONFIRM_BEFORE_SWAP
  received = 0;
#endif
}
inline hear_answer() {
  call == HELLO_ANSWER || call == RENEW_ANSWER || call == REFUSAL;
  if
  :: call == REFUSAL -> registered = false; answered = 0; desynchronise()
  :: else ->
     if
     :: call == HELLO_ANSWER ->
        registered = true; in_second_run = call_of_second_run;
        if
        :: unheard -> unheard = false; stray = false; stray_outdated = false
        :: else
        fi;
#ifndef STAY_FRESH_OVER_HELLO
        desynchronise()
#endif
     :: else
     fi;
#ifdef REGISTERED_FROM_ANSWER
     answered = 0;
#else
     answered = call_sent;
#endif
#ifdef OFFSET_FROM_ANSWER
     lost = DRIFT + call_answered;
#elif defined(STOP_CLOCK_IN_SUSPEND) || defined(DRIFT_IN_EACH_LEASE)
     lost = DRIFT;
#endif
  fi;
  clear_call();
  printf("subscriber: hears the answer, registered: %d\n", registered)
}

/* Snapshot. */

inline ask_snapshot() {
  call == NONE && registered; call = ASKED; printf("subscriber: asks for a snapshot\n")
}
inline follow() {
  follows = true; confirmed = 0;
#ifndef RENEW_WHILE_ASKING
  stray_outdated = stray;
#endif
}
inline read_snapshot() {
  call_revision = revision; call_restored = restored;
#ifdef IGNORE_EPOCH
  call_restored = (held == revision -> held_restored : restored); /* "unchanged" */
#endif
}
inline begin_snapshot() {
  call == ASKED;
  if
  :: !known || unheard -> call = REFUSAL; printf("service: does not know who asks for a snapshot\n")
  :: else ->
     call = FOLLOWED;
#ifdef FOLLOW_AFTER_SNAPSHOT
     read_snapshot();
#else
     follow();
#endif
     printf("service: begins a snapshot\n")
  fi
}
inline send_snapshot() {
#if defined(FOLLOW_AFTER_SNAPSHOT)
  call == FOLLOWED; follow();
#elif defined(READ_SERVICE_REVISION_LAST)
  call == READ; call_synced = revision;
#else
  call == FOLLOWED; read_snapshot();
#endif
  call = SNAPSHOT;
  printf("service: sends the snapshot of revision %d\n", call_revision)
}
#ifdef READ_SERVICE_REVISION_LAST
inline read_state() {
  call == FOLLOWED; call = READ; read_snapshot(); printf("service: reads revision %d\n", call_revision)
}
#endif
#ifdef TAKE_OLDER_SNAPSHOT
#define is_news true
#else
#define is_news (call_revision > held || call_restored != held_restored)
#endif
inline hear_snapshot() {
  call == SNAPSHOT;
  if
  :: is_news ->
     held = call_revision; held_restored = call_restored;
#ifdef APPLY_ACROSS_GAP
     missed_k1 = false;
#endif
#ifdef CONFIRM_BEFORE_SWAP
     received = 0;
#endif
  :: else
  fi;
  if
  :: call_synced > synced -> synced = call_synced
  :: else
  fi;
  synchronised = true;
  clear_call();
  printf("subscriber: takes the snapshot, and holds revision %d\n", held)
}

/* ---- time */

#define age(x, cap) x = (x < cap -> x + 1 : cap)

byte here; /* counts the heartbeats under way; 0 between the steps */
inline pass() {
  age(started, CAP); age(changed, CAP); age(stamp, CAP);
  if
  :: known ->
     age(renewed, CAP_REGISTERED);
     if
     :: renewed >= KEPT -> forget()
     :: else
     fi
  :: else
  fi;
  if
  :: registered -> age(answered, CAP_REGISTERED)
  :: else
  fi;
  if
  :: call == HELLO || call == HELLO_ANSWER || call == RENEW || call == RENEW_ANSWER ->
     age(call_sent, CAP_REGISTERED);
#ifdef OFFSET_FROM_ANSWER
     if
     :: call == HELLO_ANSWER || call == RENEW_ANSWER -> call_answered++
     :: else
     fi;
#endif
     if
     :: call_sent >= CAP_REGISTERED -> clear_call() /* what it could say is too old to be of use */
     :: else
     fi
  :: else
  fi;
  if
  :: beating ->
     age(beat_stamp, CAP);
#ifndef STAMP_AFTER_REVISIONS
     if
     :: beat_stamp >= CAP -> beating = false; beat_stamp = 0
     :: else
     fi
#endif
  :: else
  fi;
  here = len(air);
  do
  :: here > 0 ->
     here--;
     air?of_second_run, taken, of_revision;
     if
     :: taken + 1 < CAP -> air!of_second_run, taken + 1, of_revision
     :: else
     fi
  :: else -> break
  od;
  put_aside()
}
inline tick() {
  pass(); printf("--------- a tick\n")
}

#ifdef STOP_CLOCK_IN_SUSPEND
#define may_lose true
#endif
#ifdef DRIFT_IN_EACH_LEASE
#define may_lose (answered >= LEASE) /* what the offset has lost since it was taken is not allowed for */
#endif
#ifdef may_lose
inline tick_lost() {
  registered && lost < CAP && may_lose; lost++; pass(); printf("--------- a tick that its clock has lost\n")
}
#endif

#define step(what) d_step { what; promises() }

init {
  do
  :: step(publish()) :: step(promote()) :: step(deactivate())
#ifndef WITHOUT_RESTART
  :: step(restart())
#endif
#ifndef WITHOUT_BACKUP
  :: step(restore())
#endif
  :: step(begin_beat()) :: step(send_beat()) :: step(hear_beat(true)) :: step(hear_beat(false))
  :: step(hear_event(2)) :: step(hear_event(3)) :: step(hear_event(4))
  :: step(say_hello()) :: step(answer_hello()) :: step(renew()) :: step(answer_renewal()) :: step(hear_answer())
  :: step(ask_snapshot()) :: step(begin_snapshot()) :: step(send_snapshot()) :: step(hear_snapshot())
  :: step(give_up())
#ifndef WITHOUT_STRAY
  :: step(give_up_too_early()) :: step(take_stray()) :: step(lose_stray())
#endif
  :: step(tick())
#ifdef may_lose
  :: step(tick_lost())
#endif
#ifdef LIST_ONLY_WHAT_WAS_SENT
  :: step(send_event())
#endif
#ifdef CONFIRM_BEFORE_SWAP
  :: step(swap_in())
#endif
#ifdef SYNCHRONISE_BY_ANOTHER_ENVIRONMENT
  :: step(hear_other_event())
#endif
#ifdef READ_STATE_BEFORE_SIGNATURE
  :: step(begin_verdict()) :: step(end_verdict())
#endif
#ifdef READ_SERVICE_REVISION_LAST
  :: step(read_state())
#endif
#ifdef RENEW_WHILE_ASKING
  :: step(renew_meanwhile())
#endif
  od
}
