//! The system calls that change files, and what one of them is about to change.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{Error, IoSliceMut, Result};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc::{self, c_long, user_regs_struct};
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// A system call that changes something below the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the kernel calls it.
    pub name: &'static str,
    /// What it changes: as seen from the directory, and in full if it is elsewhere (one side of a rename can be).
    pub paths: Vec<PathBuf>,
    /// How much a `write` or `pwrite64` writes.
    pub bytes: Option<u64>,
}

impl Call {
    /// Whether [`Blow::Torn`](super::Blow::Torn) differs from [`Blow::Before`](super::Blow::Before).
    #[must_use]
    pub fn tears(&self) -> bool {
        self.bytes.is_some_and(|bytes| bytes > 1)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        for path in &self.paths {
            write!(f, " {}", path.display())?;
        }
        self.bytes.map_or(Ok(()), |bytes| write!(f, " ({bytes} bytes)"))
    }
}

/// Which argument of a call says what is changed.
#[derive(Clone, Copy)]
enum Place {
    /// An open file.
    File(usize),
    /// A path, and the directory that it starts from if that is not the process's own.
    Name { from: Option<usize>, path: usize, follow: bool },
}

use Place::File;

/// The name itself is changed, whatever it leads to.
#[cfg(target_arch = "x86_64")]
const fn name(path: usize) -> Place {
    Place::Name { from: None, path, follow: false }
}

/// The same of a name that starts from the directory that the argument before it says.
const fn name_at(path: usize) -> Place {
    Place::Name { from: Some(path - 1), path, follow: false }
}

/// What the name leads to is changed.
const fn target(path: usize) -> Place {
    Place::Name { from: None, path, follow: true }
}

/// The same of a name that starts from the directory that the argument before it says.
const fn target_at(path: usize) -> Place {
    Place::Name { from: Some(path - 1), path, follow: true }
}

/// Where the flags of a call that opens are.
#[derive(Clone, Copy)]
enum Flags {
    Argument(u8),
    /// The first field of what the argument points to.
    Behind(usize),
}

/// A system call that can change files.
struct Kind {
    number: c_long,
    name: &'static str,
    places: &'static [Place],
    /// Of a call that opens, which changes something if it makes or empties a file.
    flags: Option<Flags>,
}

const fn kind(number: c_long, name: &'static str, places: &'static [Place]) -> Kind {
    Kind { number, name, places, flags: None }
}

const fn open(number: c_long, name: &'static str, places: &'static [Place], flags: Flags) -> Kind {
    Kind { number, name, places, flags: Some(flags) }
}

/// Those of every architecture.
const CALLS: &[Kind] = &[
    kind(libc::SYS_copy_file_range, "copy_file_range", &[File(2)]),
    kind(libc::SYS_fallocate, "fallocate", &[File(0)]),
    kind(libc::SYS_fchmod, "fchmod", &[File(0)]),
    kind(libc::SYS_fchmodat, "fchmodat", &[target_at(1)]),
    // libc lacks its name on some architectures; the number is the same on all.
    kind(452, "fchmodat2", &[target_at(1)]),
    kind(libc::SYS_ftruncate, "ftruncate", &[File(0)]),
    kind(libc::SYS_linkat, "linkat", &[name_at(1), name_at(3)]),
    kind(libc::SYS_mkdirat, "mkdirat", &[name_at(1)]),
    kind(libc::SYS_mknodat, "mknodat", &[name_at(1)]),
    open(libc::SYS_openat, "openat", &[target_at(1)], Flags::Argument(2)),
    open(libc::SYS_openat2, "openat2", &[target_at(1)], Flags::Behind(2)),
    kind(libc::SYS_pwrite64, "pwrite64", &[File(0)]),
    kind(libc::SYS_pwritev, "pwritev", &[File(0)]),
    kind(libc::SYS_pwritev2, "pwritev2", &[File(0)]),
    kind(libc::SYS_renameat, "renameat", &[name_at(1), name_at(3)]),
    kind(libc::SYS_renameat2, "renameat2", &[name_at(1), name_at(3)]),
    kind(libc::SYS_sendfile, "sendfile", &[File(0)]),
    kind(libc::SYS_splice, "splice", &[File(2)]),
    kind(libc::SYS_symlinkat, "symlinkat", &[name_at(2)]),
    kind(libc::SYS_truncate, "truncate", &[target(0)]),
    kind(libc::SYS_unlinkat, "unlinkat", &[name_at(1)]),
    kind(libc::SYS_utimensat, "utimensat", &[target_at(1)]),
    kind(libc::SYS_write, "write", &[File(0)]),
    kind(libc::SYS_writev, "writev", &[File(0)]),
];

/// Those of which other architectures have only the form that takes a directory.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[Kind] = &[
    kind(libc::SYS_chmod, "chmod", &[target(0)]),
    kind(libc::SYS_creat, "creat", &[target(0)]),
    kind(libc::SYS_link, "link", &[name(0), name(1)]),
    kind(libc::SYS_mkdir, "mkdir", &[name(0)]),
    kind(libc::SYS_mknod, "mknod", &[name(0)]),
    open(libc::SYS_open, "open", &[target(0)], Flags::Argument(1)),
    kind(libc::SYS_rename, "rename", &[name(0), name(1)]),
    kind(libc::SYS_rmdir, "rmdir", &[name(0)]),
    kind(libc::SYS_symlink, "symlink", &[name(1)]),
    kind(libc::SYS_unlink, "unlink", &[name(0)]),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[Kind] = &[];

/// Opens a file that need not be there, or empties one that is.
const CHANGING: [i32; 2] = [libc::O_CREAT, libc::O_TRUNC];

fn kinds() -> impl Iterator<Item = &'static Kind> {
    CALLS.iter().chain(OLD_CALLS)
}

/// Stops whoever makes one of the calls for the tracer, and lets all others pass.
pub(super) fn filter() -> Result<BpfProgram> {
    let rules = |kind: &Kind| match kind.flags {
        Some(Flags::Argument(index)) => CHANGING
            .iter()
            .map(|&flag| {
                let flag = u64::from(flag.unsigned_abs());
                let has = SeccompCmpOp::MaskedEq(flag);
                SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, has, flag)?])
            })
            .collect(),
        _ => Ok(Vec::new()),
    };
    let rules = kinds().map(|kind| Ok((kind.number, rules(kind)?))).collect::<std::result::Result<_, _>>();
    let arch = TargetArch::try_from(std::env::consts::ARCH);
    rules
        .and_then(|rules| SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), arch?))
        .and_then(BpfProgram::try_from)
        .map_err(Error::other)
}

/// The call at which a process stopped, if it counts.
pub(super) fn at(pid: Pid, below: &Path) -> Result<Option<(Call, user_regs_struct)>> {
    match look(pid, below) {
        Ok(call) => Ok(call),
        // It was killed, or what it points to is nowhere or without end: there will be no change.
        Err(Errno::ESRCH | Errno::EFAULT | Errno::ENAMETOOLONG) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn look(pid: Pid, below: &Path) -> nix::Result<Option<(Call, user_regs_struct)>> {
    let registers = ptrace::getregs(pid)?;
    let (number, arguments) = arguments(&registers);
    let Some(kind) = kinds().find(|kind| kind.number == number) else { return Ok(None) };
    if let Some(Flags::Behind(index)) = kind.flags {
        let mut flags = [0; 8];
        copy(pid, arguments[index], &mut flags)?;
        if CHANGING.iter().all(|flag| u64::from_ne_bytes(flags) & u64::from(flag.unsigned_abs()) == 0) {
            return Ok(None);
        }
    }
    let mut paths = Vec::new();
    for place in kind.places {
        paths.extend(resolve(pid, *place, &arguments)?);
    }
    // Opening a pipe changes nothing, and can take until another process goes on.
    let pipe = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo());
    if !paths.iter().any(|path| path.starts_with(below)) || kind.flags.is_some() && paths.iter().any(pipe) {
        return Ok(None);
    }
    let paths = paths.iter().map(|path| path.strip_prefix(below).unwrap_or(path).to_owned()).collect();
    let bytes = matches!(kind.number, libc::SYS_write | libc::SYS_pwrite64).then_some(arguments[2]);
    Ok(Some((Call { name: kind.name, paths, bytes }, registers)))
}

/// Where the file is that is to be changed. Nothing if there can be none.
fn resolve(pid: Pid, place: Place, arguments: &[u64; 6]) -> nix::Result<Option<PathBuf>> {
    let (from, path, follow) = match place {
        File(index) => return Ok(opened(pid, descriptor(arguments[index]))),
        Place::Name { from, path, follow } => (from, path, follow),
    };
    let from = from.map(|index| descriptor(arguments[index])).filter(|&from| from != libc::AT_FDCWD);
    let path = if arguments[path] == 0 { PathBuf::new() } else { text(pid, arguments[path])? };
    if path.as_os_str().is_empty() {
        // Some calls take an open file in this way.
        return Ok(from.and_then(|from| opened(pid, from)));
    }
    let start = from.map_or_else(|| format!("/proc/{pid}/cwd"), |from| format!("/proc/{pid}/fd/{from}"));
    let path = Path::new(&start).join(path);
    Ok(match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let target = if follow { path.canonicalize().ok() } else { None };
            target.or_else(|| Some(parent.canonicalize().ok()?.join(name)))
        }
        _ => path.canonicalize().ok(),
    })
}

/// The file or directory that is open under a number, if it still has a name.
fn opened(pid: Pid, descriptor: i32) -> Option<PathBuf> {
    let link = PathBuf::from(format!("/proc/{pid}/fd/{descriptor}"));
    let path = fs::read_link(&link).ok()?;
    let file = path.is_absolute().then(|| fs::metadata(&link).ok())??;
    ((file.is_file() || file.is_dir()) && file.nlink() > 0).then_some(path)
}

/// The low half of the argument: the kernel looks at no more.
fn descriptor(argument: u64) -> i32 {
    argument as u32 as i32
}

/// A path in a process's memory.
fn text(pid: Pid, mut address: u64) -> nix::Result<PathBuf> {
    const PAGE: usize = 4096;
    let mut text = Vec::new();
    while text.len() < PAGE {
        // Not over the page's end: what follows may be nobody's.
        let mut part = [0; PAGE];
        let part = &mut part[address as usize % PAGE..];
        copy(pid, address, part)?;
        if let Some(end) = part.iter().position(|&byte| byte == 0) {
            text.extend_from_slice(&part[..end]);
            return Ok(OsString::from_vec(text).into());
        }
        text.extend_from_slice(part);
        address += part.len() as u64;
    }
    Err(Errno::ENAMETOOLONG)
}

/// Copies from a process's memory.
fn copy(pid: Pid, address: u64, into: &mut [u8]) -> nix::Result<()> {
    let from = RemoteIoVec { base: address as usize, len: into.len() };
    let copied = process_vm_readv(pid, &mut [IoSliceMut::new(into)], &[from])?;
    if copied == from.len { Ok(()) } else { Err(Errno::EFAULT) }
}

#[cfg(target_arch = "x86_64")]
fn arguments(registers: &user_regs_struct) -> (c_long, [u64; 6]) {
    let &user_regs_struct { orig_rax, rdi, rsi, rdx, r10, r8, r9, .. } = registers;
    (orig_rax as c_long, [rdi, rsi, rdx, r10, r8, r9])
}

#[cfg(target_arch = "aarch64")]
fn arguments(registers: &user_regs_struct) -> (c_long, [u64; 6]) {
    let [a, b, c, d, e, f, _, _, number, ..] = registers.regs;
    (number as c_long, [a, b, c, d, e, f])
}

/// The same write with half of its bytes.
pub(super) fn torn(mut registers: user_regs_struct) -> user_regs_struct {
    #[cfg(target_arch = "x86_64")]
    let count = &mut registers.rdx;
    #[cfg(target_arch = "aarch64")]
    let count = &mut registers.regs[2];
    *count /= 2;
    registers
}
