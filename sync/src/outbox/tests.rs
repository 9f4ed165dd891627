//! Whatever is queued, delivered and refused in whatever order: the outbox has what is left, once, oldest first.

use proptest::prelude::*;

use std::fs;

use super::*;

fn event(id: u8) -> Event {
    let envelope = serde_json::json!({ "event_id": id.to_string(), "payload": { "text": "a\nb\u{2028}" } });
    let serde_json::Value::Object(envelope) = envelope else { unreachable!("it is an object") };
    Event { id: id.to_string(), envelope }
}

fn to() -> Destination {
    Destination { server: "https://events.example.com/".to_owned(), team: None }
}

#[derive(Debug, Clone)]
enum Deed {
    Add(Vec<u8>),
    Settle(Vec<u8>, Vec<u8>),
    Tear(u8),
    Compact,
}

fn deed() -> impl Strategy<Value = Deed> {
    let ids = || prop::collection::vec(0_u8..12, 0..5);
    prop_oneof![
        ids().prop_map(Deed::Add),
        (ids(), ids()).prop_map(|(delivered, refused)| Deed::Settle(delivered, refused)),
        any::<u8>().prop_map(Deed::Tear),
        Just(Deed::Compact),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_has_what_is_left(deeds in prop::collection::vec(deed(), 1..12)) {
        const CAPACITY: usize = 6;
        let place = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(place.path());
        let (mut expected, mut found_no_room, mut delivered_ever) = (Vec::<(String, bool)>::new(), 0, 0);
        for deed in deeds {
            match deed {
                Deed::Add(ids) => {
                    let added = outbox.add(ids.iter().map(|id| event(*id)).collect(), &to(), (CAPACITY, "now", "n")).unwrap();
                    let mut counted = Added::default();
                    for id in ids {
                        if expected.iter().any(|(known, _)| *known == id.to_string()) {
                            counted.known += 1;
                        } else if expected.len() == CAPACITY {
                            counted.refused += 1;
                        } else {
                            counted.added += 1;
                            expected.push((id.to_string(), false));
                        }
                    }
                    found_no_room += counted.refused as u64;
                    prop_assert_eq!(added, counted);
                }
                Deed::Settle(delivered, refused) => {
                    let names: Vec<_> = delivered.iter().map(u8::to_string).collect();
                    let reasons: Vec<_> = refused.iter().map(|id| (id.to_string(), "why".to_owned())).collect();
                    outbox.settle(&names, &reasons, (&to(), "then")).unwrap();
                    let before = expected.len();
                    expected.retain(|(id, _)| !names.contains(id));
                    delivered_ever += (before - expected.len()) as u64;
                    for (id, is_refused) in &mut expected {
                        *is_refused |= reasons.iter().any(|(refused, _)| refused == id);
                    }
                }
                // A process that was killed while it appended to one of the files.
                Deed::Tear(byte) => {
                    let path = if byte % 2 == 0 { outbox.file() } else { outbox.settled_file() };
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
                    file.write_all(&[b'{', byte.max(b' ')]).unwrap();
                }
                Deed::Compact => outbox.compact().unwrap(),
            }
            let read = outbox.read().unwrap();
            let left: Vec<_> = read.iter().map(|queued| (queued.id.clone(), queued.refused.is_some())).collect();
            prop_assert_eq!(&left, &expected);
            prop_assert!(read.windows(2).all(|pair| pair[0].number < pair[1].number));
            prop_assert!(read.iter().all(|queued| queued.event["lamport_clock"] == queued.number));
            let (ledger, content) = (outbox.ledger().unwrap(), outbox.content().unwrap());
            let delivered = ledger.delivered + content.delivered;
            prop_assert_eq!((ledger.refused, delivered), (found_no_room, delivered_ever));
        }
    }
}
