//! The tree that a package unpacks to, decided before anything is written.
//!
//! Every path's parents are directories of the tree, never links, so writing it follows no link; and every link,
//! resolved as the kernel would with all the others in place, stays inside.

use super::names;
use crate::PackageError;
use hearth_core::limits::ZIP_ENTRIES;
use std::collections::HashMap;

/// Links that one resolution may pass (the kernel's own limit).
const LINK_HOPS: usize = 40;
/// Links of one package (ours: each is resolved on its own).
const LINKS: usize = 10_000;

type NodeId = usize;
const ROOT: NodeId = 0;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// A file: the entry with its content, and whether it is executable.
    File {
        entry: usize,
        executable: bool,
    },
    /// A symbolic link and its target.
    Link {
        target: String,
    },
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    name: String,
    kind: Kind,
}

/// Files, directories and links by path.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    children: HashMap<(NodeId, String), NodeId>,
    links: Vec<NodeId>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Node { parent: ROOT, name: String::new(), kind: Kind::Directory };
        Self { nodes: vec![root], children: HashMap::new(), links: Vec::new() }
    }

    /// Adds an entry and the directories above it. Of two files with one name the later counts, as `unzip -o` has it;
    /// two different kinds of things with one name are refused.
    pub(super) fn add(&mut self, name: &str, kind: Kind) -> Result<(), PackageError> {
        let parts = names::components(name)?;
        let Some((last, above)) = parts.split_last() else {
            return match kind {
                Kind::Directory => Ok(()),
                Kind::File { .. } | Kind::Link { .. } => Err(PackageError::Invalid(format!("no name: {name:?}"))),
            };
        };
        let mut parent = ROOT;
        for part in above {
            parent = self.child(parent, part, Kind::Directory)?;
        }
        let is_link = matches!(kind, Kind::Link { .. });
        let before = self.nodes.len();
        let node = self.child(parent, last, kind)?;
        if is_link && node >= before {
            self.links.push(node);
        }
        if self.links.len() > LINKS {
            return Err(PackageError::Invalid(format!("more than {LINKS} links")));
        }
        Ok(())
    }

    fn child(&mut self, parent: NodeId, name: &str, kind: Kind) -> Result<NodeId, PackageError> {
        let key = (parent, name.to_owned());
        let Some(&known) = self.children.get(&key) else {
            // Directories that no entry names count too: a deep path would make thousands of them for a few bytes.
            if self.nodes.len() > ZIP_ENTRIES {
                return Err(PackageError::TooLarge);
            }
            let id = self.nodes.len();
            self.nodes.push(Node { parent, name: key.1.clone(), kind });
            self.children.insert(key, id);
            return Ok(id);
        };
        let Some(node) = self.nodes.get_mut(known) else { return Ok(known) };
        if std::mem::discriminant(&node.kind) != std::mem::discriminant(&kind) {
            return Err(PackageError::Invalid(format!("{name:?} is two different things")));
        }
        node.kind = kind;
        Ok(known)
    }

    /// Refuses the package when one of its links leads outside.
    pub(super) fn check_links(&self) -> Result<(), PackageError> {
        self.links.iter().filter_map(|id| self.nodes.get(*id)).try_for_each(|link| {
            let Kind::Link { target } = &link.kind else { return Ok(()) };
            if self.stays_inside(link.parent, target) {
                Ok(())
            } else {
                Err(PackageError::Invalid(format!(
                    "the link {:?} leads out of the package or in a circle: {target:?}",
                    link.name
                )))
            }
        })
    }

    /// Walks `target` from a directory as the kernel would. What does not exist counts as a directory, so that a
    /// dangling link is no way out either.
    fn stays_inside(&self, from: NodeId, target: &str) -> bool {
        if target.is_empty() || target.starts_with('/') {
            return false;
        }
        let mut at = from;
        // Directories below `at` that do not exist.
        let mut beyond = 0_usize;
        let mut hops = 0;
        let mut ahead: Vec<&str> = target.rsplit('/').collect();
        while let Some(part) = ahead.pop() {
            match part {
                "" | "." => {}
                ".." if beyond > 0 => beyond -= 1,
                ".." if at == ROOT => return false,
                ".." => at = self.nodes.get(at).map_or(ROOT, |node| node.parent),
                _ if beyond > 0 => beyond += 1,
                name => match self.children.get(&(at, name.to_owned())) {
                    None => beyond += 1,
                    Some(&next) => match self.nodes.get(next).map(|node| &node.kind) {
                        Some(Kind::Link { target }) => {
                            hops += 1;
                            if hops > LINK_HOPS || target.starts_with('/') {
                                return false;
                            }
                            ahead.extend(target.rsplit('/'));
                        }
                        _ => at = next,
                    },
                },
            }
        }
        true
    }

    /// Everything but the root, parents before their children, links last.
    pub(super) fn entries(&self) -> impl Iterator<Item = (String, &Kind)> {
        let is_link = |node: &&Node| matches!(node.kind, Kind::Link { .. });
        let others = self.nodes.iter().skip(1).filter(move |node| !is_link(node));
        others.chain(self.nodes.iter().filter(is_link)).map(|node| (self.path(node), &node.kind))
    }

    fn path(&self, node: &Node) -> String {
        let mut parts = vec![node.name.as_str()];
        let mut above = node.parent;
        while above != ROOT
            && let Some(node) = self.nodes.get(above)
        {
            parts.push(&node.name);
            above = node.parent;
        }
        parts.reverse();
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str) -> Kind {
        Kind::Link { target: target.to_owned() }
    }

    fn file(entry: usize) -> Kind {
        Kind::File { entry, executable: false }
    }

    fn tree(entries: &[(&str, Kind)]) -> Result<Tree, PackageError> {
        let mut tree = Tree::new();
        for (name, kind) in entries {
            tree.add(name, kind.clone())?;
        }
        tree.check_links()?;
        Ok(tree)
    }

    #[test]
    fn parents_come_first_and_links_last() {
        let tree = tree(&[("l", link("a/b")), ("a/b", file(1)), ("a", Kind::Directory), ("a/b", file(2))]).unwrap();
        let paths: Vec<_> = tree.entries().collect();
        assert_eq!(
            paths,
            [("a".to_owned(), &Kind::Directory), ("a/b".to_owned(), &file(2)), ("l".to_owned(), &link("a/b"))]
        );
    }

    #[test]
    fn links_inside_are_allowed() {
        for target in ["x", "./x", "d/../x", "d/up/x", "missing/../x", "missing"] {
            tree(&[("d/up", link("..")), ("x", file(0)), ("l", link(target))])
                .unwrap_or_else(|e| panic!("{target}: {e}"));
        }
    }

    #[test]
    fn links_out_of_the_package_are_refused() {
        for target in ["", "..", "/etc/passwd", "d/../../x", "d/up/../x", "missing/../../x", "d/up/d/up/.."] {
            let package = tree(&[("d/up", link("..")), ("l", link(target))]);
            assert!(matches!(package, Err(PackageError::Invalid(_))), "{target}");
        }
    }

    #[test]
    fn links_in_a_circle_are_refused() {
        assert!(tree(&[("a", link("b")), ("b", link("a"))]).is_err());
        assert!(tree(&[("a", link("a"))]).is_err());
    }

    #[test]
    fn nothing_goes_through_a_link() {
        for order in [["l", "l/x"], ["l/x", "l"]] {
            let kinds = order.map(|name| (name, if name == "l" { link("d") } else { file(0) }));
            assert!(matches!(tree(&kinds), Err(PackageError::Invalid(_))), "{order:?}");
        }
    }

    #[test]
    fn a_file_is_not_a_directory() {
        assert!(tree(&[("a", file(0)), ("a/b", file(1))]).is_err());
        assert!(tree(&[("a", file(0)), ("a", link("b"))]).is_err());
    }

    #[test]
    fn directories_that_no_entry_names_are_counted() {
        let mut tree = Tree::new();
        let deep = "d/".repeat(100);
        let refused = (0..ZIP_ENTRIES).find_map(|n| tree.add(&format!("{n}/{deep}x"), file(n)).err());
        assert!(matches!(refused, Some(PackageError::TooLarge)));
    }
}
