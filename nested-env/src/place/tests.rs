use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Calls that take one place and fail, over and over: never two at once, and none loses what it works in.
#[test]
fn a_place_is_of_one_call_at_a_time() {
    const CALLS: usize = 4;
    const TIMES: usize = 500;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("on/the/way/made");
    let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = || {
        for _ in 0..TIMES {
            match Place::take(&path, false) {
                Ok(place) => {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two calls have the place");
                    (0..4).for_each(|_| std::thread::yield_now());
                    fs::create_dir(place.path().join("bin")).expect("the directory that was taken");
                    std::thread::yield_now();
                    fs::remove_dir(place.path().join("bin")).expect("what this call made");
                    taken.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
                Err(PlaceError::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    std::thread::scope(|scope| (0..CALLS).for_each(|_| drop(scope.spawn(call))));
    assert!(taken.load(Ordering::SeqCst) > 0);
}
