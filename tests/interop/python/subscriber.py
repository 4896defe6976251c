"""A subscriber without sockets, threads and clock: proto/WIRE.md, "Subscribers" and its table.

Whoever drives it says what happened (connected, answered, event, heartbeat, ...) and when, by a clock as in "Time", in
nanoseconds; asks what is to be sent (due); and judges.
"""
import random

import jose

MS = 1_000_000
DRIFT = 1000                      # a measured offset shrinks by one part in so many
PAUSE, LONGEST_PAUSE = 50 * MS, 2000 * MS
LONGEST_SPREAD = 100 * MS         # of a snapshot
MOST_HEARD = 2 ** 63
KNOWN_KINDS = {"ENVIRONMENT_CREATED", "ENVIRONMENT_UPDATED", "ENVIRONMENT_DELETED", "KEY_PUBLISHED", "KEY_PROMOTED",
               "KEY_DEACTIVATED", "KEY_DESTROYED", "KEY_CHANGED"}


class State(tuple):
    """(epoch, environment id, revision)"""

    @classmethod
    def of(cls, message):
        return cls((message.epoch, message.environment_id, message.revision))

    def same_environment(self, other):
        return other is not None and self[:2] == other[:2]

    def shows_more_than(self, held):
        return not self.same_environment(held) or self[2] > held[2]


class Pause:
    """Longer each time."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.length = PAUSE

    def next(self):
        pause, self.length = self.length, min(2 * self.length, LONGEST_PAUSE)
        return pause + random.randrange(pause // 2)


class Followed:
    """An environment: what it is judged by, and how far that is known to be the present state."""

    def __init__(self, name):
        self.name = name
        self.keys = jose.KeySet(b'{"keys":[]}')
        self.withheld = set()
        self.settings = None
        self.state = None      # held
        self.gone = False      # there is no such environment (any more)
        self.synced = 0
        self.phase = "lacking"
        self.kept = None       # the highest state that was heard of
        self.due = None        # when the snapshot is to be asked for
        self.pause = Pause()
        self.in_registration = False  # its snapshot was taken in the present one
        self.end = self.youngest = None  # of the lease; the youngest stamp that counted, by our clock

    def keep(self, state):
        if state.shows_more_than(self.state) and (self.kept is None or state.shows_more_than(self.kept)):
            self.kept = state

    def take(self, snapshot):
        """jose.Malformed where it is none."""
        keys = jose.snapshot_keys(snapshot.jwks, snapshot.deactivated)
        self.gone = False
        self.keys, self.withheld, self.settings = keys, set(snapshot.withheld), snapshot.environment

    def apply(self, change):
        """False: it cannot be."""
        kind, key = change.enum("kind"), change.key
        if kind == "KEY_PUBLISHED":
            return self._publish(key)
        if kind in ("KEY_DEACTIVATED", "KEY_DESTROYED"):
            self._drop(key.kid)
            self.keys.deactivated.add(key.kid)
        elif kind in ("ENVIRONMENT_UPDATED", "ENVIRONMENT_CREATED"):
            self.gone = False
            self.settings = change.environment
        elif kind == "ENVIRONMENT_DELETED":
            self.forget_live_keys()
        return True

    def _publish(self, key):
        if key.kid in self.keys.deactivated:
            return False
        self._drop(key.kid)
        if not key.public_jwk:
            self.withheld.add(key.kid)
            return True
        try:
            made = jose.Key(jose.parse_json(key.public_jwk), foreign=False)
        except jose.NotKnownHere:
            return True
        except (jose.Unusable, jose.Malformed):
            return False
        self.keys.keys.append(made)
        return True

    def _drop(self, kid):
        self.withheld.discard(kid)
        self.keys.keys = [key for key in self.keys.keys if key.kid != kid]

    def forget_live_keys(self):
        self.keys.keys, self.withheld, self.gone = [], set(), True

    def confirmed(self):
        """The state to confirm, or None."""
        return None if self.gone or self.state is None else as_message(self.state)

    def may_count(self, heartbeat, born, lease):
        """The heartbeat, if all that it speaks of is known: then it vouches from the instant of its stamp."""
        if not self.in_registration or heartbeat is None or self.synced < heartbeat.service_revision or \
                heartbeat.epoch != self.state[0]:
            return
        if self.youngest is None or born > self.youngest:
            self.youngest = born
        if self.end is None or born + lease > self.end:
            self.end = born + lease


class Asked:
    """A request under way."""

    def __init__(self, operation, at, registration, followed=None):
        self.operation, self.at, self.registration, self.followed = operation, at, registration, followed
        self.heard = self.kept = None


class Subscriber:
    def __init__(self, follows, lease_wish_ms=0, serves_stale=False, name="python"):
        self.followed = {each: Followed(each) for each in follows}
        self.lease_wish_ms, self.serves_stale, self.name = lease_wish_ms, serves_stale, name
        self.connection = False
        self.registered = False   # in, or out
        self.registration = 0     # raised by each that is put out or begins
        self.instance_id = self.boot_id = self.epoch = b""
        self.sequence = 0
        self.offset = self.offset_at = None
        self.lease = self.renew = self.registered_ms = self.spread = 0
        self.registered_until = None
        self.heartbeat_heard = None   # the last one
        self.hear_any = True
        self.heard_revision = 0       # the highest that this run spoke of
        self.asked = None
        self.hello_due = self.renew_due = None
        self.pause = Pause()

    # ---- clocks

    def _offset(self, now):
        return self.offset - (now - self.offset_at) // DRIFT

    def _take_offset(self, sent, clock, anew):
        offset = sent - clock
        if anew or self.offset is None or offset > self._offset(sent):
            self.offset, self.offset_at = offset, sent

    def _tick(self, now):
        if self.registered and now >= self.registered_until:
            self._put_out(now)

    # ---- registration

    def _put_out(self, hello_at):
        self.registered = False
        self.registration += 1
        self.hello_due, self.renew_due = hello_at, None
        self.heartbeat_heard = None

    def connected(self, now):
        self._tick(now)
        self.connection = True
        if not self.registered:
            self.hello_due = now
        for each in self.followed.values():
            if each.phase == "current":
                self._lack(each, now)
            elif each.phase == "taking":
                each.phase = "again"

    def disconnected(self, now):
        self._tick(now)
        self.connection = False

    def _lack(self, each, now, pause=None):
        each.phase = "lacking"
        if pause is not None:
            each.due = now + pause
            return
        left = max((self._end(each) or now) - now, 0)
        longest = min(self.spread, LONGEST_SPREAD, left // 4)
        each.due = now + (random.randrange(longest) if longest else 0)

    def _confirm(self, now):
        if not self.registered:
            return
        wait = random.randrange(self.spread // 4, self.spread) if self.spread else 0
        self.renew_due = min(self.renew_due, now + wait)

    # ---- what is to be sent

    def due(self, now):
        """(operation, fields) of the request that is to be sent now, or None. It is under way then."""
        self._tick(now)
        if self.asked is not None:
            return None
        waiting = []
        if self.connection and self.hello_due is not None:
            waiting.append((self.hello_due, 0, self._hello, None))
        if self.registered and self.connection:
            for each in self.followed.values():
                if each.phase == "lacking" and each.due is not None:
                    waiting.append((each.due, 1, self._get_jwks, each))
        if self.registered:
            waiting.append((self.renew_due, 2, self._renew, None))
        waiting = [one for one in waiting if one[0] <= now]
        if not waiting:
            return None
        _, _, make, each = min(waiting, key=lambda one: one[:2])
        return make(now, each)

    def next_due(self):
        """When something is to be sent, at the earliest; None: not before something happens."""
        times = [self.registered_until if self.registered else None]
        if self.asked is None:
            times.append(self.hello_due if self.connection else None)
            if self.registered:
                times.append(self.renew_due)
            if self.registered and self.connection:
                times += [each.due for each in self.followed.values() if each.phase == "lacking"]
        return min((time for time in times if time is not None), default=None)

    def _hello(self, now, _):
        self.asked = Asked("hello", now, self.registration)
        return "hello", {"client": self.name, "subscribe": True, "lease_ms": self.lease_wish_ms,
                         "serves_stale": self.serves_stale, "instance_id": self.instance_id}

    def _get_jwks(self, now, each):
        self.asked = Asked("get_jwks", now, self.registration, each)
        self.asked.heard, self.asked.kept = self.heard_revision, each.kept
        self.sequence += 1
        each.phase = "taking"
        fields = {"environment": each.name, "instance_id": self.instance_id, "sequence": self.sequence}
        if each.confirmed():
            fields["unless"] = each.confirmed()
        return "get_jwks", fields

    def _renew(self, now, _):
        self.asked = Asked("renew", now, self.registration)
        self.sequence += 1
        self.renew_due = MOST_HEARD
        held = []
        for each in self.followed.values():
            held.append({"environment": each.name, "state": each.confirmed()})
        return "renew", {"instance_id": self.instance_id, "sequence": self.sequence, "held": held}

    # ---- what was answered

    def answered(self, now, result, status="OK"):
        """`result` is the message of the answer; None with the status of a failure, or with "": no answer."""
        self._tick(now)
        asked, self.asked = self.asked, None
        if asked.operation == "hello":
            self._hello_answered(now, asked, result)
        elif status == "NOT_REGISTERED" or (status == "NOT_FOUND" and asked.operation == "renew"):
            self._not_registered(now, asked)
        elif asked.operation == "renew":
            self._renew_answered(now, asked, result)
        elif result is not None:
            self._snapshot(now, asked, result)
        elif status == "NOT_FOUND":
            self._absent(now, asked)
        else:
            self._lack(asked.followed, now, asked.followed.pause.next())

    def _hello_answered(self, now, asked, hello):
        if hello is None or len(hello.boot_id) != 16 or len(hello.instance_id) != 16 or hello.lease_ms == 0 or \
                hello.renew_ms == 0 or hello.registered_ms <= hello.renew_ms:
            self.hello_due = now + self.pause.next()
            return
        same = (hello.boot_id, hello.instance_id) == (self.boot_id, self.instance_id)
        self._take_offset(asked.at, hello.clock_ns, anew=not same or not self.registered)
        self.pause.reset()
        self.hello_due = None
        self.lease, self.renew = hello.lease_ms * MS, hello.renew_ms * MS
        self.registered_ms, self.spread = hello.registered_ms * MS, hello.spread_ms * MS
        self.registered_until = asked.at + self.registered_ms
        if self.lease_wish_ms:
            self.lease = min(self.lease, self.lease_wish_ms * MS)
        if not same or not self.registered:
            self.hear_any = True
        if self.renew_due is None or not same:
            self._schedule_renewal(asked.at)
        self.registered = True
        if not same:
            self._begin(now, hello)
        self.heard_revision = max(self.heard_revision, hello.service_revision)
        self._tick(now)

    def _begin(self, now, hello):
        """A new registration."""
        self.registration += 1
        self.boot_id, self.instance_id, self.epoch = hello.boot_id, hello.instance_id, hello.epoch
        self.sequence, self.heard_revision, self.heartbeat_heard = 0, 0, None
        for each in self.followed.values():
            each.synced, each.kept, each.in_registration = 0, None, False
            if each.phase == "taking":
                each.phase = "again"
            elif each.phase != "again":
                each.phase, each.due = "lacking", now
            if each.end is not None:
                each.end = min(each.end, each.youngest + self.lease)

    def _schedule_renewal(self, sent):
        self.renew_due = sent + self.renew - random.randrange(max(self.renew // 8, 1))

    def _not_registered(self, now, asked):
        if asked.followed:
            self._lack(asked.followed, now, 0)
        if asked.registration == self.registration:
            self.instance_id = b""
            self._put_out(now + self.pause.next())

    def _renew_answered(self, now, asked, result):
        if asked.registration != self.registration:
            return
        if result is None:
            self.renew_due = now + self.pause.next()
            return
        self.pause.reset()
        self._take_offset(asked.at, result.clock_ns, anew=False)
        self.spread = result.spread_ms * MS
        self.registered_until = asked.at + self.registered_ms
        due = self.renew_due
        self._schedule_renewal(asked.at)
        self.renew_due = min(due, self.renew_due)
        self._tick(now)

    def _snapshot(self, now, asked, snapshot):
        each, state = asked.followed, State.of(snapshot.state)
        try:
            if snapshot.unchanged and state != each.state and state.shows_more_than(each.state):
                raise jose.Malformed("another state is unchanged")
            if not snapshot.unchanged and state.shows_more_than(each.state):
                each.take(snapshot)
                each.state = state
        except jose.Malformed:
            self._lack(each, now, each.pause.next())
            return
        each.pause.reset()
        self._confirm(now)
        if asked.registration != self.registration:
            self._lack(each, now, 0)
            return
        self.heard_revision = max(self.heard_revision, snapshot.service_revision)
        each.synced = max(each.synced, snapshot.service_revision)
        each.in_registration = True
        self._settle(now, each)

    def _absent(self, now, asked):
        each = asked.followed
        each.forget_live_keys()
        each.pause.reset()
        if asked.registration != self.registration:
            self._lack(each, now, 0)
            return
        kept = each.kept if each.kept != asked.kept else None
        each.state = asked.kept or each.state or State((self.epoch, 0, 0))
        each.kept, each.in_registration = kept, True
        each.synced = max(each.synced, asked.heard)
        self._confirm(now)
        self._settle(now, each)

    def _settle(self, now, each):
        """After a snapshot."""
        again = each.phase == "again" or (each.kept is not None and each.kept.shows_more_than(each.state))
        each.phase = "current"
        if again:
            self._lack(each, now)
        else:
            each.kept = None
        self._last_may_count(now, each)

    def _last_may_count(self, now, each):
        if self.registered and self.heartbeat_heard is not None:
            each.may_count(self.heartbeat_heard, self.heartbeat_heard.stamp_ns + self._offset(now), self.lease)

    # ---- what is heard

    def event(self, now, event):
        self._tick(now)
        each = self.followed.get(event.environment)
        if each is None or any(change.enum("kind") not in KNOWN_KINDS for change in event.changes):
            return
        if self.registered and event.boot_id != self.boot_id:
            self._put_out(now)
        if self.registered:
            self.heard_revision = max(self.heard_revision, event.service_revision)
        state = State.of(event.state)
        follows = state.same_environment(each.state) and event.previous_revision == each.state[2]
        if follows and all(each.apply(change) for change in event.changes):
            each.state = state
            if self.registered:
                each.synced = max(each.synced, event.service_revision)
            self._confirm(now)
            self._last_may_count(now, each)
        elif state.shows_more_than(each.state):
            self._missed(now, each, state)

    def _missed(self, now, each, state):
        if state is not None:
            each.keep(state)
        if each.phase == "current":
            self._lack(each, now)

    def heartbeat(self, now, heartbeat):
        self._tick(now)
        if not self.registered:
            return
        if heartbeat.boot_id != self.boot_id:
            self._put_out(now)
            return
        born, last = heartbeat.stamp_ns + self._offset(now), self.heartbeat_heard
        in_order = self.hear_any or last is None or (heartbeat.stamp_ns > last.stamp_ns and
                                                     heartbeat.service_revision >= last.service_revision)
        if not in_order or born > now or now - born >= self.lease:
            self._doubt(now)
        if not in_order or born > now:
            return
        self.hear_any, self.heartbeat_heard = False, heartbeat
        self.heard_revision = max(self.heard_revision, heartbeat.service_revision)
        listed = {item.environment: State.of(item.state) for item in heartbeat.changed}
        for each in self.followed.values():
            self._hear(now, each, heartbeat, born, listed.get(each.name))

    def _hear(self, now, each, heartbeat, born, listed):
        misses = each.state is None or heartbeat.covers_from > each.synced or heartbeat.epoch != each.state[0] or \
            (listed is not None and listed.shows_more_than(each.state))
        if misses:
            self._missed(now, each, listed)
            return
        each.synced = max(each.synced, heartbeat.service_revision)
        each.may_count(heartbeat, born, self.lease)

    def _doubt(self, now):
        """Heartbeats that make no sense, or are too old."""
        if self.asked is None and any(self.freshness(name, now) == "stale" for name in self.followed):
            self._put_out(now + self.pause.next())

    # ---- judging

    def _end(self, each):
        """Of the lease."""
        if each.end is None or self.registered_until is None:
            return None
        return min(each.end, self.registered_until)

    def freshness(self, name, now):
        each = self.followed[name]
        end = self._end(each)
        if end is None or now >= end:
            return "stale"
        return "fresh" if self.registered and now < self.registered_until and each.phase == "current" else "behind"

    def stale_ms(self, name, now):
        """How old the keys are known to be; None: nothing ever counted."""
        youngest = self.followed[name].youngest
        return None if youngest is None else (now - youngest) // MS

    def judge(self, name, token, expected, wall, now):
        """(verdict, claims of a valid token). `expected` None: what the environment says. The verdict WAIT: for the
        snapshot that is on its way."""
        each = self.followed[name]
        if each.state is None:
            return "KEYS_TOO_OLD", None
        verdict, _, claims = jose.judge(each.keys, token, expected or expectation_of(each.settings), wall)
        freshness = self.freshness(name, now)
        if verdict == "VALID" and freshness == "stale" and not self.serves_stale:
            return "KEYS_TOO_OLD", None
        if verdict == "UNKNOWN_KEY" and freshness != "fresh":
            return ("WAIT" if freshness == "behind" else "KEYS_TOO_OLD"), None
        return verdict, claims


def expectation_of(settings):
    if settings is None:
        return jose.Expectation()
    audiences = [settings.default_audience] if settings.default_audience else []
    return jose.Expectation(settings.issuer, audiences, "", settings.leeway_sec)


def as_message(state):
    return {"epoch": state[0], "environment_id": state[1], "revision": state[2]}
