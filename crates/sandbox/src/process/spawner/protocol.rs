//! What worker and spawner tell each other: one question, one answer.

use super::super::ids::Maps;
use super::super::network::LinkOrder;
use hearth_api::guest::{FrameError, Reader, Writer};
use hearth_init::pid1::Identity;
use std::net::Ipv4Addr;

/// Largest frame, bytes: three paths at most.
pub(super) const FRAME_BYTES: usize = 16 * 1024;

/// What the worker asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Make a cgroup namespace here, or join the one whose descriptor is sent along.
    Settle { joins: bool },
    /// Make a sandbox. Descriptors: PID 1's end of its channel; then, if it shall be born in one, a cgroup.
    Prepare {
        tree: String,
        devices: String,
        resolver: String,
        maps: Maps,
        watched: bool,
        exposed: Vec<u16>,
        link: Option<LinkOrder>,
    },
}

/// What the spawner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Done,
    /// Descriptors: pidfd of PID 1, user namespace.
    Prepared {
        pid: u32,
    },
    Failed {
        reason: String,
        /// Whether there was too little of something.
        shortage: bool,
    },
}

impl Request {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Settle { .. } => "settle",
            Self::Prepare { .. } => "prepare",
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Settle { joins } => Writer::new(1).flag(*joins).frame(),
            Self::Prepare { tree, devices, resolver, maps, watched, exposed, link } => {
                let Maps { owner, uids, gids, identity } = maps;
                let ports: Vec<String> = exposed.iter().map(ToString::to_string).collect();
                let frame = Writer::new(2).text(tree).text(devices).text(resolver);
                let frame = frame.number(owner.cast_signed()).text(uids).text(gids);
                let frame =
                    frame.flag(*identity == Identity::OneUser).flag(*watched).texts(&ports).flag(link.is_some());
                match link {
                    None => frame.frame(),
                    Some(LinkOrder { name, group, address }) => {
                        frame.text(name).number(group.cast_signed()).number(address.to_bits().cast_signed()).frame()
                    }
                }
            }
        }
    }

    pub(super) fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (kind, mut fields) = Reader::new(frame)?;
        let request = match kind {
            1 => Self::Settle { joins: fields.flag()? },
            2 => Self::Prepare {
                tree: fields.text()?,
                devices: fields.text()?,
                resolver: fields.text()?,
                maps: maps(&mut fields)?,
                watched: fields.flag()?,
                exposed: fields.texts()?.iter().filter_map(|port| port.parse().ok()).collect(),
                link: if fields.flag()? { Some(link(&mut fields)?) } else { None },
            },
            kind => return Err(FrameError::Kind(kind)),
        };
        fields.end(request)
    }
}

fn maps(fields: &mut Reader<'_>) -> Result<Maps, FrameError> {
    Ok(Maps {
        owner: fields.number()?.cast_unsigned(),
        uids: fields.text()?,
        gids: fields.text()?,
        identity: if fields.flag()? { Identity::OneUser } else { Identity::TwoUsers },
    })
}

fn link(fields: &mut Reader<'_>) -> Result<LinkOrder, FrameError> {
    Ok(LinkOrder {
        name: fields.text()?,
        group: fields.number()?.cast_unsigned(),
        address: Ipv4Addr::from_bits(fields.number()?.cast_unsigned()),
    })
}

impl Reply {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Done => Writer::new(1).frame(),
            Self::Prepared { pid } => Writer::new(2).number(pid.cast_signed()).frame(),
            Self::Failed { reason, shortage } => Writer::new(3).text(reason).flag(*shortage).frame(),
        }
    }

    pub(super) fn decode(frame: &[u8]) -> Result<Self, FrameError> {
        let (kind, mut fields) = Reader::new(frame)?;
        let reply = match kind {
            1 => Self::Done,
            2 => Self::Prepared { pid: fields.number()?.cast_unsigned() },
            3 => Self::Failed { reason: fields.text()?, shortage: fields.flag()? },
            kind => return Err(FrameError::Kind(kind)),
        };
        fields.end(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(link: Option<LinkOrder>) -> Request {
        Request::Prepare {
            tree: "/a".into(),
            devices: "/b".into(),
            resolver: "/c".into(),
            maps: Maps {
                owner: 4_000_000_000,
                uids: "0 1 2".into(),
                gids: "3 4 5".into(),
                identity: Identity::OneUser,
            },
            watched: true,
            exposed: vec![80, 65_535],
            link,
        }
    }

    #[test]
    fn every_frame_comes_back_as_it_went() {
        for request in [
            Request::Settle { joins: true },
            prepare(None),
            prepare(Some(LinkOrder { name: "n".into(), group: 4_000_000_000, address: [100, 64, 0, 1].into() })),
        ] {
            assert_eq!(Request::decode(&request.encode()), Ok(request));
        }
        let failed = Reply::Failed { reason: "no".into(), shortage: true };
        for reply in [Reply::Done, Reply::Prepared { pid: 7 }, failed] {
            assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }
    }
}
