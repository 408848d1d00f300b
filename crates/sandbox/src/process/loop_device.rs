//! Loop devices: a file as a block device.
#![expect(unsafe_code, reason = "the ioctls of loop devices have no safe wrapper")]

use hearth_init::{Failure, Trying};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Source: linux/loop.h.
const LOOP_CTL_GET_FREE: u64 = 0x4C82;
const LOOP_CONFIGURE: u64 = 0x4C0A;
const AUTOCLEAR: u32 = 4;
const DIRECT_IO: u32 = 16;
const BLOCK_BYTES: u32 = 4_096;
/// Times somebody else may be faster in taking a free device.
const ATTEMPTS: usize = 1_000;

/// The kernel's `struct loop_config`.
#[repr(C)]
struct Configuration {
    file: u32,
    block_bytes: u32,
    /// `struct loop_info64`; its flags are the second half of word 6.
    info: [u64; 29],
    reserved: [u64; 8],
}

/// A device bound to a file. The kernel frees it when nobody has it open or mounted any more: keep this until it is
/// mounted.
#[derive(Debug)]
pub(crate) struct LoopDevice {
    pub(crate) path: PathBuf,
    _open: File,
}

impl LoopDevice {
    /// Binds a free device to a file, with direct I/O: else every page of `/tmp` is in memory twice, once of them
    /// outside of the function's account.
    pub(crate) fn bind(file: &File) -> Result<Self, Failure> {
        let control = File::open("/dev/loop-control").trying(|| "open /dev/loop-control".to_owned())?;
        let mut info = [0; 29];
        if let Some(flags) = info.get_mut(6) {
            *flags = u64::from(AUTOCLEAR | DIRECT_IO) << 32;
        }
        let file = file.as_raw_fd().cast_unsigned();
        let configuration = Configuration { file, block_bytes: BLOCK_BYTES, info, reserved: [0; 8] };
        for _ in 0..ATTEMPTS {
            // SAFETY: this ioctl takes no argument.
            let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
            if number < 0 {
                return Err(io::Error::last_os_error()).trying(|| "find a free loop device".to_owned());
            }
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = OpenOptions::new().read(true).write(true).open(&path);
            let device = device.trying(|| format!("open {}", path.display()))?;
            // SAFETY: the configuration has the kernel's layout and outlives the call.
            if unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const configuration) } == 0 {
                return Ok(Self { path, _open: device });
            }
            let cause = io::Error::last_os_error();
            if cause.raw_os_error() != Some(libc::EBUSY) {
                return Err(cause).trying(|| format!("bind {}", path.display()));
            }
        }
        Err(io::Error::from_raw_os_error(libc::EBUSY)).trying(|| "bind a loop device before others take it".to_owned())
    }
}

/// Whether a device is bound to a file in this directory, unlinked or not.
pub(crate) fn any_bound_in(directory: &Path) -> bool {
    let Ok(devices) = fs::read_dir("/sys/block") else { return false };
    devices.filter_map(Result::ok).any(|device| {
        let file = fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        Path::new(file.trim_end()).starts_with(directory)
    })
}
