//! Answers of servers: every event is answered for once, or there is an error with a code, and no token is ever shown.

use clearance_sync::answer::{Outcomes, Verdict, judge};
use clearance_sync::credentials::Token;
use clearance_sync::outbox::{Destination, Queued};
use clearance_sync::settings::Format;
use clearance_sync::{DiagnosticCode, classify};
use serde_json::Map;

/// What nobody may see.
const TOKEN: &str = "t0k3n-s3cret";

/// Holds for every answer: two bytes of status, one of form, and the body.
pub fn hold(data: &[u8]) {
    let [high, low, form, body @ ..] = data else { return };
    let status = u16::from_be_bytes([*high, *low]);
    let format = if form % 2 == 0 { Format::SpecKitty } else { Format::Cloudevents };
    let token = Token::given(TOKEN.to_owned());
    let batch = ["e1", "e2", "e3"].map(queued);
    let shown = match judge(("host", &token), (status, body), &batch, format, None) {
        Verdict::Done(outcomes) => answered_for(outcomes),
        Verdict::TooLarge(said) | Verdict::Suspect { said, .. } => vec![said],
        Verdict::Failed(error) => {
            assert!(DiagnosticCode::ALL.contains(&error.code()));
            assert!(!format!("{error:?}").contains(TOKEN));
            vec![error.to_string()]
        }
    };
    for text in &shown {
        assert!(!text.contains(TOKEN), "{text:?}");
        assert!(text.chars().count() < 400, "{text:?}");
    }
    // What another program says of a failure is sorted by its words.
    let code = classify(&String::from_utf8_lossy(body));
    assert!(code.is_none_or(|code| DiagnosticCode::ALL.contains(&code)));
}

/// The reasons, when every event has one answer.
fn answered_for(outcomes: Outcomes) -> Vec<String> {
    let Outcomes { delivered, refused, kept, pending } = outcomes;
    let why = |(id, _): &(String, String)| id.clone();
    let mut all =
        [delivered, pending, refused.iter().map(why).collect(), kept.iter().map(why).collect()].concat();
    all.sort();
    assert_eq!(all, ["e1", "e2", "e3"]);
    refused.into_iter().chain(kept).map(|(_, why)| why).collect()
}

fn queued(id: &str) -> Queued {
    let to = Destination { server: "https://host".to_owned(), team: None };
    Queued { number: 1, id: id.to_owned(), to, queued_at: String::new(), refused: None, event: Map::new() }
}
