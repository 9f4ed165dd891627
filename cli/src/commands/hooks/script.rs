//! The files that are installed, and how they are known again.

use sha2::{Digest, Sha256};

use crate::args::hooks::HookName;

/// What the second line begins with. What follows is a hash of the lines below it.
const MARK: &str = "# clearance-hook sha256:";

/// Longest hook that is read to see whose it is, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;

/// Whose a hook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// As this version writes it.
    Ours,
    /// As another version wrote it.
    OfAnotherVersion,
    /// Written by this program, and changed since.
    Edited,
    /// Somebody else's.
    Foreign,
}

impl Whose {
    pub(super) fn of(content: &[u8], hook: HookName) -> Self {
        let Ok(content) = str::from_utf8(content) else { return Self::Foreign };
        let mut lines = content.splitn(3, '\n').skip(1);
        let (Some(mark), Some(rest)) = (lines.next(), lines.next()) else { return Self::Foreign };
        match mark.strip_prefix(MARK) {
            None => Self::Foreign,
            Some(_) if content == text(hook) => Self::Ours,
            Some(told) if told == hash(rest) => Self::OfAnotherVersion,
            Some(_) => Self::Edited,
        }
    }
}

/// A hook, as this version writes it.
pub(super) fn text(hook: HookName) -> String {
    let (name, without) = (hook.as_str(), hook.without());
    let rest = format!(
        "\
# Written by `clearance hooks install`; `clearance hooks uninstall` removes it as long as it is unchanged.
if ! command -v clearance >/dev/null 2>&1; then
    echo \"clearance is not on PATH, so the {name} hook could not ask, and nothing is cleared. Install it, or go on unasked: {without}\" >&2
    exit 1
fi
exec clearance hooks run {name} \"$@\"
"
    );
    format!("#!/bin/sh\n{MARK}{}\n{rest}", hash(&rest))
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_known_again() {
        for hook in HookName::ALL {
            let ours = text(hook);
            assert_eq!(Whose::of(ours.as_bytes(), hook), Whose::Ours);
            // One more byte, wherever it is.
            assert_eq!(Whose::of(format!("{ours}\n").as_bytes(), hook), Whose::Edited);
            assert_eq!(Whose::of(ours.replace("exit 1", "exit 0").as_bytes(), hook), Whose::Edited);
            assert_eq!(Whose::of(format!(" {ours}").as_bytes(), hook), Whose::OfAnotherVersion);
            let rest = "exec clearance hooks run\n";
            let older = format!("#!/bin/sh\n{MARK}{}\n{rest}", hash(rest));
            assert_eq!(Whose::of(older.as_bytes(), hook), Whose::OfAnotherVersion);
        }
        let [one, other] = [HookName::CommitMsg, HookName::PrePush];
        assert_eq!(Whose::of(text(one).as_bytes(), other), Whose::OfAnotherVersion);
        for foreign in
            ["", "#!/bin/sh\n", "#!/bin/sh\nexec clearance hooks run pre-push\n", "#!/bin/sh\n\n# x\n"]
        {
            assert_eq!(Whose::of(foreign.as_bytes(), one), Whose::Foreign, "{foreign}");
        }
        assert_eq!(Whose::of(b"#!\xff\n# clearance-hook sha256:\n", one), Whose::Foreign);
    }
}
