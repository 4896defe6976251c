/* Every size that a peer, a file or a caller controls, in one place. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    /* names */
    LIMIT_ENVIRONMENT_NAME = 63, /* a-z 0-9 - _ . ; begins with a letter or digit */
    LIMIT_KID = 128,             /* visible ASCII without quotes and backslash */
    LIMIT_ISSUER = 512,
    LIMIT_AUDIENCE = 512,
    LIMIT_AUDIENCES = 16,
    LIMIT_TYP = 64,
    LIMIT_ALGORITHM_NAME = 16,

    /* documents */
    LIMIT_TOKEN = 24 * 1024, /* a JWS compact serialisation, ML-DSA-87 included */
    LIMIT_CLAIMS = 8 * 1024, /* a JSON claims set or raw payload to be signed */
    LIMIT_JSON_DEPTH = 16,
    LIMIT_JSON_NODES = 128 * 1024, /* a full key set: 4096 keys of some 30 values */
    LIMIT_JWK = 32 * 1024,         /* one private or public JWK or PEM */
    LIMIT_JWKS = 4 * 1024 * 1024,
    LIMIT_KEYSET_KEYS = 4096,
    LIMIT_KEYS_ALIKE = 8, /* keys of one kid that a token may have to be tried with */

    /* what a caller may put into a token */
    LIMIT_RULE = 4096,      /* a rule as JSON, */
    LIMIT_RULE_CLAIMS = 64, /* the claims that it names, */
    LIMIT_RULE_VALUES = 32, /* the values of a list in it, */
    LIMIT_RULE_TYPES = 16,  /* and its types */

    /* messages */
    LIMIT_REQUEST = 1024 * 1024,   /* backtrace and body of what the service takes */
    LIMIT_REPLY = 8 * 1024 * 1024, /* NNG_OPT_RECVMAXSZ of a client */
    LIMIT_EVENT = 1024 * 1024,
    LIMIT_UNPACK_FACTOR = 4, /* memory for an unpacked message: factor x size + base */
    LIMIT_UNPACK_BASE = 64 * 1024,
    LIMIT_REQUEST_ID = 16,
    LIMIT_BATCH = 256, /* tokens in one sign or verify request */
    LIMIT_PAGE = 256,  /* rows in one list or changes reply */
    LIMIT_CREDENTIAL = 8 * 1024,
    LIMIT_DEADLINE_SEC = 60,     /* how far ahead a deadline may lie */
    LIMIT_LEASE_MS = 600 * 1000, /* the longest that a service grants */

    /* connections; of each kind a caller may have as many as are left for all others */
    LIMIT_CONNECTIONS = 16 * 1024,     /* that ask; as many may hear events */
    LIMIT_INCOMING = 32 * 1024 * 1024, /* bytes of requests that are not complete */
    LIMIT_ASKED = 32 * 1024 * 1024,    /* bytes of large requests that are not answered */
    LIMIT_OUTGOING = 64 * 1024 * 1024, /* bytes of answers that were not taken */
    LIMIT_HELD = 24 * 1024,            /* requests that are held open */
    LIMIT_PASSED = 512,                /* requests that a relay has asked the service */
    LIMIT_UNDER_WAY = 128,             /* requests of one connection that are not answered */
    LIMIT_UNREAD = 16 * 1024,          /* bytes of answers not taken, above which a connection is not read */
    LIMIT_GREETING_SEC = 10,           /* until a connection has said what it speaks */
    LIMIT_SILENCE_SEC = 10,            /* between two parts of one message */
    LIMIT_MESSAGE_SEC = 60,            /* from its first part to its last */
    LIMIT_UNREAD_SEC = 5,              /* in which nothing of an answer is taken */

    /* the store */
    LIMIT_STORE_KEY = 480, /* LMDB allows 511 */
    LIMIT_STORE_VALUE = 1024 * 1024,
    LIMIT_STORE_MARKER = 512, /* the text file that stands beside the database */
    LIMIT_KEY_FILE = 128,     /* the file of the key-encryption key */
    LIMIT_ENVIRONMENTS = 100 * 1000,
    LIMIT_KEYS_PER_ENVIRONMENT = 1024, /* those that are past make room, oldest first */
    LIMIT_EVENT_LOG = 1024,            /* revisions kept per environment */
    LIMIT_WAITING = 256,               /* generations that wait for a key to be made */
    LIMIT_WORK = 1024,                 /* characters of what such a generation asks for */
    LIMIT_ANSWER_AGE_SEC = 24 * 3600,  /* how long the answer to a change is kept */
    LIMIT_REPEAT_SEC = 120,            /* how long at least, however many its caller makes */
    LIMIT_CHANGES = 24 * 1024,         /* of one caller within that time; deactivations are not counted */
    LIMIT_ANSWERS = 4 * 1024, /* of one caller that are kept beyond it, and those to its deactivations */

    /* access */
    LIMIT_ACCOUNTS = 10 * 1000,
    LIMIT_API_TOKENS = 20 * 1000,
    LIMIT_TOKENS_OF_ACCOUNT = 64,
    LIMIT_GRANTS = 10 * 1000,
    LIMIT_GRANTS_OF_PRINCIPAL = 1024,
    LIMIT_NOTE = 200,                           /* what an operator writes about an account or token */
    LIMIT_API_TOKEN_SEC = 10 * 366 * 24 * 3600, /* how long a token lives at most, */
    DEFAULT_API_TOKEN_SEC = 90 * 24 * 3600,     /* and unless it is said */

    /* subscribers; of each table a principal may have as many places as are left for all others */
    LIMIT_SUBSCRIBERS = 10 * 1000,                 /* registered at a time */
    LIMIT_RELAYED = LIMIT_SUBSCRIBERS * 2 / 5,     /* behind a relay, to the service one caller: of that */
    LIMIT_RELAYED_FOLLOWINGS = 100 * 1000 * 2 / 5, /* one's half, so that it has some for itself */
    LIMIT_FOLLOWED = 256,                          /* environments that one subscriber follows */
    LIMIT_FOLLOWINGS = 100 * 1000,   /* environments that all of them follow, counted for each */
    LIMIT_CLIENT_NAME = 63,          /* longer ones are cut */
    LIMIT_PRINCIPAL = 400,           /* who asks; a longer one is refused, for cut two could become one */
    LIMIT_HEARTBEAT = 64,            /* changed environments that one lists */
    LIMIT_RECEIPTS = 256,            /* receipts of deactivations that are kept, */
    LIMIT_RECEIPT_LINES = 64 * 1024, /* and the lines of all of them */

    /* time */
    LIMIT_TOKEN_LIFETIME_SEC = 366 * 24 * 3600,
    LIMIT_LEEWAY_SEC = 600,
    LIMIT_JWKS_MAX_AGE_SEC = 24 * 3600,
    LIMIT_ROTATE_EVERY_SEC = 10 * 366 * 24 * 3600,
};

#endif
