//! The rules, in the order in which they are asked: the first that fits a statement decides about it.
//!
//! Words are regular expressions over whole words of a statement, as [`super::text`] writes it: lower case, one space
//! between words, no punctuation. `^` and `$` are the ends of the statement.

use crate::code::DiagnosticCode::{
    self, AuthRefreshInProgress as Refresh, EventLoopUnavailable as EventLoop,
    FinalSyncLockUnavailable as Lock, ServerAuthFailure as Server, WebsocketOffline as WebSocket,
};

/// Words of which one is enough.
pub(super) type Words = &'static [&'static str];

/// One idea about what a statement says.
pub(super) struct Rule {
    /// Why the words mean it.
    #[expect(dead_code, reason = "for whoever reads the table")]
    pub(super) why: &'static str,
    /// What a statement that fits is about; `None`: about none of the five, whatever else it has.
    pub(super) code: Option<DiagnosticCode>,
    /// A statement has one word of each of these,
    pub(super) needs: &'static [Words],
    /// and no word of these.
    pub(super) unless: &'static [Words],
}

const LOCK: Words =
    &["locks?|locking|flock|lockf|lockfile|mutex", "[^ ]*(session|refresh|sync|daemon|queue|service)[.]lock"];
const SOCKET: Words = &["web ?sockets?|wss"];
const CREDENTIAL: Words = &[
    "tokens?|credentials?|api keys?|session|signature|jwt|bearer|grant|login",
    "auth|o ?auth|authentication|authorization",
];
const REFRESHING: Words = &["refresh|refreshing|refreshes|rotat(ed|es|ing|ion)"];
const STATUS: Words = &["401|403|407|408|429|5[0-9][0-9]"];
/// A status beside a word that says that the number is one.
const ANSWER: Words = &[
    "(https?|status|code|error|responded|answered|response) \
     ([0-9] [0-9] )?((status|code|error|client|server|of|is|was|with|a|an) ){0,2}(401|403|407|408|429|5[0-9][0-9])",
    "(returned|got|received|failed|with) ([a-z]+ ){0,2}(401|403|407|408|429|5[0-9][0-9])( for .*)?$",
    "(401|403|407|408|429|5[0-9][0-9]) \
     (from|by|for url|client|server|proxy|request|too|internal|bad|service|gateway|error)",
    "(get|post|put|patch) ([^ ]+ ){0,8}(401|403|407|408|429|5[0-9][0-9])",
];
/// The words that belong to statuses.
const REASON: Words = &[
    "unauthori[sz]ed|unauthenticated|forbidden|access denied",
    "(has|have) no (access|permissions?|rights?)|insufficient ([a-z]+ )?(permissions?|scopes?|privileges?)",
    "too many (requests|attempts|connections)|rate limit|rate limited|throttled",
    "internal server error|server error|bad gateway",
    "gateway time ?out|service (temporarily )?unavailable|overloaded",
    "(under|down for) maintenance|maintenance mode",
];
/// Words of an attempt that came to nothing.
const TROUBLE: Words = &[
    "cannot|can't|could not|couldn't|unable|fail(s|ed|ing|ures?)?|gave up|giving up",
    "timed out|time ?outs?",
];
/// Words of a connection that is not there.
const OFF: Words = &[
    "errors?|exception|closed|closing|close [0-9]+|disconnect(ed|ion)?|unavailable|offline|lost|gone|went away",
    "refus(ed|ing)|rejected|denied|reset|down|unreachable|dropped|abnormal(ly)?|broken|dead|unexpected(ly)?",
    "missed|stalled|stale|handshake status|aborted|terminated|interrupted|no longer",
    "not (connected|available|open|ready|established|reachable|running|finished)",
    "no (open|active|live) connection",
];
/// What is not asked for cannot be missing.
const NEEDLESS: Words =
    &["(not|never|no longer) (required|needed|necessary)|no ([a-z]+ )?(required|needed|necessary)"];
/// Words after which a success is none.
const BUT: Words = &["but|however|not|never|failed|though|although|then|cannot|couldn't|unable"];

/// Asked from the top.
pub(super) const RULES: &[Rule] = &[
    Rule {
        why: "a frame of a traceback names code, and no failure",
        code: None,
        needs: &[&["file .* line [0-9]+( in .*)?"]],
        unless: &[],
    },
    Rule {
        why: "it went well in the end",
        code: None,
        needs: &[&["succeeded|successful(ly)?|recovered|restored|reconnected|graceful(ly)?|cleanly"]],
        unless: &[BUT, &["when|until"]],
    },
    Rule {
        why: "it says which failures there were not",
        code: None,
        needs: &[&[
            "(no|without|zero|0) ([a-z]+ ){0,2}(errors|failures|timeouts|problems|issues)",
            "(no|without) (an? )?(error|failure|timeout)",
        ]],
        unless: &[ANSWER],
    },
    Rule {
        why: "the content of an event, or of an answer, is wrong: another attempt does not help",
        code: None,
        needs: &[&[
            "fields?|schema|propert(y|ies)|validation|string should|event type|payload|key error|json|column",
            "^e[0-9]+ .*$",
        ]],
        unless: &[STATUS, REASON, SOCKET, &["ws|frame|authentication|certificate|locked"]],
    },
    Rule {
        why: "a file on this machine, of which no server knows",
        code: None,
        needs: &[&["(session|salt|token|key|config|credentials?) file"]],
        unless: &[LOCK, &["locked"]],
    },
    Rule {
        why: "git has locks of its own",
        code: None,
        needs: &[&["lock|locked|lockfile|index[.]lock"], &["refs?|git process|index[.]lock|worktree"]],
        unless: &[],
    },
    Rule {
        why: "a round in the background that is left out comes again",
        code: None,
        needs: &[&["skip(ping|ped|s)? ([a-z]+ ){0,2}(background|wake|tick|poll|round|cycle|heartbeat)"]],
        unless: &[],
    },
    Rule {
        why: "to queue is what is wanted of one who is not logged in",
        code: None,
        needs: &[&["not (authenticated|logged in|signed in)"], &["queued|queueing|queuing"]],
        unless: &[ANSWER],
    },
    Rule {
        why: "the interpreter goes; a lock that it cannot take on its way is not the reason",
        code: Some(EventLoop),
        needs: &[
            &["interpreter|python"],
            &["shut ?down|shutting down|finali[sz](ing|ation|ed)|exiting|going away"],
        ],
        unless: &[],
    },
    Rule {
        why: "asyncio has no loop to run on, or not the one that was asked for",
        code: Some(EventLoop),
        needs: &[
            &["(event|async|asyncio|running) loops?|different loop"],
            &[
                "no|not|never|cannot|already|different|missing|gone|dead",
                "died|stopped|closed|destroyed|terminated|unavailable",
            ],
        ],
        unless: &[],
    },
    Rule {
        why: "tokio, or what else runs tasks, is gone",
        code: Some(EventLoop),
        needs: &[&[
            "no reactor running|cannot (start|drop) a runtime|join error ([a-z]+ )?(cancell?ed|panic)",
            "(tokio|runtime|executor|thread pool) ([^ ]+ ){0,10}(shut ?down|shutting down|dropped|gone|closed)",
        ]],
        unless: &[],
    },
    Rule {
        why: "no task and no thread can be started any more, or one was taken down",
        code: Some(EventLoop),
        needs: &[&[
            "cannot schedule new futures|after shut ?down|can't register at ?exit",
            "(can't|cannot|could not|failed to) (start|create|spawn) ([a-z]+ )?(new |sync |background )?thread",
            "tasks?( [0-9]+)? was (cancell?ed|destroyed)|was never awaited",
        ]],
        unless: &[],
    },
    Rule {
        why: "the process had to end before the delivery did",
        code: Some(EventLoop),
        needs: &[&[
            "(sync|delivery|drain|flush|thread) (did not|didn't|does not) \
             (complete|finish|end|stop|terminate) (within|in|before|after) .*",
            "(sync|delivery|thread) (is )?still running (after|at) .*",
            "final sync (shut ?down unavailable|time ?out|timed out)",
        ]],
        unless: &[],
    },
    Rule {
        why: "somebody else renews the session at this moment, or just did",
        code: Some(Refresh),
        needs: &[
            REFRESHING,
            &[
                "(an)?others?|concurrent(ly)?|already|in progress",
                "in flight|under ?way|elsewhere|someone|somebody|replay",
            ],
        ],
        unless: &[ANSWER, &["expired|revoked|unauthori[sz]ed"]],
    },
    Rule {
        why: "the step that waits for the others, without a word of how it ended",
        code: Some(Refresh),
        needs: &[&[
            "^(auth|session|token) refresh( (lock|pending|ongoing|running|wait(ing)?))?$",
            "being (refreshed|rotated|renewed)",
        ]],
        unless: &[],
    },
    Rule {
        why: "the lock of the session is held by whoever refreshes it",
        code: Some(Refresh),
        needs: &[&["(auth|session|refresh|token) ([a-z]+ )?lock"], &["held|holds|another|busy"]],
        unless: &[&["not held"]],
    },
    Rule {
        why: "somebody else has the lock, and did not give it back in time",
        code: Some(Lock),
        needs: &[
            LOCK,
            &[
                "timed out|time ?outs?|within|waiting|waited|gave up",
                "cannot|can't|could not|couldn't|unable|failed|failure",
                "held|holds|owned|busy|unavailable|not available|contention",
                "contended|would block|denied|in use|taken|already|another process",
            ],
        ],
        unless: &[&[
            "not held|locks? (was |is |has been )?(acquired|released|obtained|free)",
            "(acquired|obtained|got|took|released) (the |an? )?([a-z]+ ){0,2}lock",
        ]],
    },
    Rule {
        why: "SQLite, and whoever else says it of the thing instead of its lock",
        code: Some(Lock),
        needs: &[&["(is|are|was|already|currently|still) locked|locked by|process has locked"]],
        unless: &[&["account|user|version|screen|locked (down|in|out|up)"]],
    },
    Rule {
        why: "what the system says of a lock for which nobody waits (EAGAIN, EDEADLK)",
        code: Some(Lock),
        needs: &[&[
            "resource (temporarily unavailable|deadlock .*)",
            "would block|blocking io error|eagain|ewouldblock|edeadlk",
        ]],
        unless: &[],
    },
    Rule {
        why: "the server was there, and did not let this one in",
        code: Some(Server),
        needs: &[SOCKET, &["(http|status|code|error) (40[13])|unauthori[sz]ed|forbidden|re ?authenticate"]],
        unless: &[],
    },
    Rule {
        why: "the connection is named, and that it is not there",
        code: Some(WebSocket),
        needs: &[SOCKET, TROUBLE],
        unless: &[],
    },
    Rule {
        why: "the connection is named, and that it went away",
        code: Some(WebSocket),
        needs: &[SOCKET, OFF],
        unless: &[&["(close|code) 1000|normally"]],
    },
    Rule {
        why: "words of the protocol: frames, handshakes, codes of closing, an upgrade that was answered otherwise",
        code: Some(WebSocket),
        needs: &[&[
            "no close frame|(opening|closing) handshake|handshake not finished|keepalive ping",
            "close (code )?10(0[1-9]|1[0-5])",
            "(received|sent) 10(0[1-9]|1[0-5]) \
             (going|protocol|unsupported|no|abnormal|connection|invalid|policy|message|\
             mandatory|internal|unexpected|service|try|bad|tls)",
            "http error 2[0-9][0-9]( ok)?",
        ]],
        unless: &[&["1000|normally"]],
    },
    Rule {
        why: "the short form of the name",
        code: Some(WebSocket),
        needs: &[&[
            "ws ([^ ]+ ){0,3}(offline|disconnected|closed|down|lost|unavailable|failed|error|handshake)",
            "ws token ([^ ]+ ){0,4}(not|invalid|unavailable|missing)",
        ]],
        unless: &[],
    },
    Rule {
        why: "only what stays connected can be not connected, be closed, or connect again",
        code: Some(WebSocket),
        needs: &[&[
            "not connected to ([a-z]+ ){0,2}server",
            "^((sync|the) )?connection (is |was )?(closed|lost)( unexpectedly)?( by (the )?(peer|server|remote))?$",
            "(max|maximum|all|no more) ([a-z]+ )?reconnect(ion)? attempts",
            "reconnect(ion|ing)? (attempts )?(failed|exhausted|exceeded)",
            "already closed connection|work with closed connection",
        ]],
        unless: &[],
    },
    Rule { why: "the status of an answer", code: Some(Server), needs: &[ANSWER], unless: &[] },
    Rule { why: "the words for such a status", code: Some(Server), needs: &[REASON], unless: &[] },
    Rule {
        why: "a status as remote calls name them",
        code: Some(Server),
        needs: &[&["^((code|status|error) )?\
             (internal|unavailable|permission denied|resource exhausted|deadline exceeded)( error)?$"]],
        unless: &[],
    },
    Rule {
        why: "nobody is logged in, or not as one who may",
        code: Some(Server),
        needs: &[&[
            "not (authenticated|logged in|authorized|signed in)|failed to authenticate|re ?authenticate",
            "(authentication|authorization|login|sign in) (is |was )?(required|failed|failure|error|needed|rejected)",
            "log in again|please (log|sign) in|invalid (grant|client|token)",
            "no ((active|valid|current|stored) )?(access )?(session|token|login|credentials?)",
        ]],
        unless: &[NEEDLESS],
    },
    Rule {
        why: "what one logs in with is no good",
        code: Some(Server),
        needs: &[
            CREDENTIAL,
            &[
                "expired|invalid|invalidated|not valid|revoked|rejected|refused|denied|not accepted|no longer",
                "missing|required|not provided|not found|wrong|malformed",
            ],
        ],
        unless: &[NEEDLESS],
    },
    Rule {
        why: "there is no connection to the server, or it broke",
        code: Some(Server),
        needs: &[&[
            "connection ([a-z]+ ){0,2}(refused|reset|aborted|closed|lost|failed|failure|broken|dropped|error|timed out)",
            "connect (error|timeout|call failed)|remote (end closed|disconnected)",
            "server disconnected|max retries exceeded|broken pipe",
            "(cannot|could not|couldn't|can't|unable to|failed to|trying to) (connect|reach|contact|establish)",
            "(server|network|host|internet) (is |was )?(offline|down|unreachable|unavailable|not reachable)",
            "unreachable|no route to host|incomplete message|actively refused",
            "econn(refused|reset|aborted)|e(host|net)unreach|etimedout|enotfound",
        ]],
        unless: &[],
    },
    Rule {
        why: "the name of the server has no address",
        code: Some(Server),
        needs: &[&[
            "name or service not known|name resolution|get ?addr ?info|nodename nor servname|no such host",
            "dns|lookup address|(could not|failed to|cannot|can't) resolve",
        ]],
        unless: &[],
    },
    Rule {
        why: "there is no safe connection to the server",
        code: Some(Server),
        needs: &[
            &["certificate|ssl|tls"],
            &[
                "fail(ed|ure)?|error|invalid|expired|unable|wrong",
                "verify|self signed|unknown|alert|eof|not trusted",
            ],
        ],
        unless: &[],
    },
    Rule {
        why: "the server did not answer in time",
        code: Some(Server),
        needs: &[&[
            "timed out|deadline has elapsed",
            "(connection|connect|read|write|request|server|response|operation|http|pool|api|socket|network) time ?out",
        ]],
        unless: &[],
    },
];
