//! What does the YAML say, and where does it say it?
//!
//! A tree of mappings, lists and scalars that all know their place. It is built from the parser's
//! events rather than with serde, for serde forgets places, stops at the first error and lets a
//! later key silently replace an earlier one. Aliases and merge keys (`<<: *defaults`) are followed
//! under a budget, so that a small file cannot grow into a large tree.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::problem::{Place, child};

/// Longest key, in bytes; every path and every label is made of keys.
pub(super) const KEY_BYTES_MAX: usize = 256;
/// Largest file, in bytes.
pub(super) const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Most keys, items and scalars, after aliases were followed.
pub(super) const NODES_MAX: usize = 20_000;
/// Deepest nesting. The schema needs six levels.
pub(super) const DEPTH_MAX: usize = 24;
/// Most text in scalars, in bytes, after aliases were followed.
pub(super) const TEXT_BYTES_MAX: usize = 4 * FILE_BYTES_MAX;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping, and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

impl Node {
    /// What a person calls it.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
        }
    }

    /// Whether it is a key without a value, or `~`, or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The keys of the mapping under `key`, in the order of the file.
    pub(super) fn keys_of(&self, key: &str) -> Vec<String> {
        let Kind::Map(entries) = &self.kind else {
            return Vec::new();
        };
        match entries.iter().find(|e| e.key == key).map(|e| &e.value.kind) {
            Some(Kind::Map(inner)) => inner.iter().map(|e| e.key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// `names` in the order in which the mappings of this tree that have no other keys use them.
    pub(super) fn order_like(&self, names: &[&str]) -> Vec<String> {
        let mut order = Vec::new();
        self.collect_order(names, &mut order);
        order
    }

    fn collect_order(&self, names: &[&str], order: &mut Vec<String>) {
        if let Kind::Map(entries) = &self.kind
            && !entries.is_empty()
            && entries
                .iter()
                .all(|entry| names.contains(&entry.key.as_str()))
        {
            let keys = entries.iter().map(|entry| entry.key.clone());
            let new: Vec<String> = keys.filter(|key| !order.contains(key)).collect();
            order.extend(new);
        }
        self.children()
            .for_each(|child| child.collect_order(names, order));
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match &self.kind {
            Kind::Scalar { .. } => Box::new(std::iter::empty()),
            Kind::List(items) => Box::new(items.iter()),
            Kind::Map(entries) => Box::new(entries.iter().map(|e| &e.value)),
        }
    }

    fn depth(&self) -> usize {
        1 + self.children().map(Node::depth).max().unwrap_or(0)
    }

    fn nodes(&self) -> usize {
        1 + self.children().map(Node::nodes).sum::<usize>()
    }

    fn text_bytes(&self) -> usize {
        let own = match &self.kind {
            Kind::Scalar { text, .. } => text.len(),
            Kind::List(_) => 0,
            Kind::Map(entries) => entries.iter().map(|e| e.key.len()).sum(),
        };
        own + self.children().map(Node::text_bytes).sum::<usize>()
    }
}

/// Something wrong with the YAML itself.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) place: Option<Place>,
    pub(super) path: String,
    pub(super) message: String,
}

/// Reads one document. The flaws found with a tree leave it usable (the first of two equal keys
/// counts); an `Err` is a flaw that nothing can be read after.
pub(super) fn read(text: &str) -> Result<(Node, Vec<Flaw>), Flaw> {
    let fatal = |place, message: String| Flaw {
        place,
        path: String::new(),
        message,
    };
    if text.len() > FILE_BYTES_MAX {
        let limit = FILE_BYTES_MAX / 1024;
        return Err(fatal(
            None,
            format!("the file is too large; allowed: at most {limit} KiB"),
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => {
                let place = place(span.start);
                builder
                    .event(event, span)
                    .map_err(|message| fatal(Some(place), message))?;
            }
            Err(error) => {
                let message = format!("not YAML: {}", error.info());
                return Err(fatal(Some(place(*error.marker())), message));
            }
        }
    }
    let empty = || Node {
        place: Place { line: 1, col: 1 },
        kind: Kind::Map(Vec::new()),
    };
    let root = builder
        .root
        .filter(|root| !root.is_null())
        .unwrap_or_else(empty);
    Ok((root, builder.flaws))
}

fn place(marker: Marker) -> Place {
    // The parser counts lines from 1 and columns from 0.
    Place {
        line: marker.line().max(1),
        col: marker.col() + 1,
    }
}

/// A list or mapping that is not closed yet.
struct Frame {
    place: Place,
    anchor: usize,
    kind: Kind,
    /// In a mapping, the key that waits for its value; `None` inside for a key that is not text.
    key: Option<(Option<String>, Place)>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    text_bytes: usize,
    flaws: Vec<Flaw>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        let place = place(span.start);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document starts here; allowed: one".into());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), place);
                let plain = style == ScalarStyle::Plain && tag.is_none();
                self.spend(1, text.len())?;
                let node = Node {
                    place,
                    kind: Kind::Scalar {
                        text: own(text),
                        plain,
                    },
                };
                self.remember(anchor, &node);
                self.add(node);
            }
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else {
                    return Err("an alias inside what it stands for; allowed: an alias of \
                                something that ends before it"
                        .into());
                };
                let (nodes, text_bytes, depth) =
                    (target.nodes(), target.text_bytes(), target.depth());
                if self.open.len() + depth > DEPTH_MAX {
                    return Err(too_deep());
                }
                let node = Node {
                    place,
                    kind: target.kind.clone(),
                };
                self.spend(nodes, text_bytes)?;
                self.add(node);
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), place);
                self.start(place, anchor, Kind::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), place);
                self.start(place, anchor, Kind::Map(Vec::new()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize, text_bytes: usize) -> Result<(), String> {
        self.nodes += nodes;
        self.text_bytes += text_bytes;
        if self.nodes > NODES_MAX {
            return Err(format!(
                "too many values (aliases counted); allowed: at most {NODES_MAX}"
            ));
        }
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(format!(
                "too much text (aliases counted); allowed: at most {} KiB",
                TEXT_BYTES_MAX / 1024
            ));
        }
        Ok(())
    }

    fn start(&mut self, place: Place, anchor: usize, kind: Kind) -> Result<(), String> {
        self.spend(1, 0)?;
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep());
        }
        self.open.push(Frame {
            place,
            anchor,
            kind,
            key: None,
        });
        Ok(())
    }

    fn end(&mut self) {
        let Some(frame) = self.open.pop() else { return };
        let mut node = Node {
            place: frame.place,
            kind: frame.kind,
        };
        if let Kind::Map(entries) = &mut node.kind {
            merge(entries);
        }
        self.remember(frame.anchor, &node);
        self.add(node);
    }

    fn remember(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node) {
        let path = self.path();
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut frame.kind {
            Kind::Scalar { .. } => {}
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match frame.key.take() {
                None => {
                    let place = node.place;
                    let key = match node.kind {
                        Kind::Scalar { text, .. } if text.len() > KEY_BYTES_MAX => {
                            let message =
                                format!("a key that is too long; allowed: {KEY_BYTES_MAX} bytes");
                            self.flaws.push(Flaw {
                                place: Some(place),
                                path,
                                message,
                            });
                            None
                        }
                        Kind::Scalar { text, .. } => Some(text),
                        Kind::List(_) | Kind::Map(_) => {
                            self.flaws.push(Flaw {
                                place: Some(place),
                                path,
                                message: "a key that is a list or a mapping; allowed: plain words \
                                          (quote a value that begins with { or [)"
                                    .into(),
                            });
                            None
                        }
                    };
                    frame.key = Some((key, place));
                }
                Some((None, _)) => {}
                Some((Some(key), place)) => {
                    if let Some(first) = entries.iter().find(|e| e.key == key) {
                        let line = first.place.line;
                        self.flaws.push(Flaw {
                            place: Some(place),
                            path: child(&path, &key),
                            message: format!(
                                "given twice; allowed: once (the first is on line {line})"
                            ),
                        });
                    } else {
                        entries.push(Entry {
                            key,
                            place,
                            value: node,
                        });
                    }
                }
            },
        }
    }

    /// The path of the innermost open list or mapping.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in self.open.iter().take(self.open.len().saturating_sub(1)) {
            match (&frame.kind, &frame.key) {
                (Kind::List(items), _) => path = format!("{path}[{}]", items.len()),
                (Kind::Map(_), Some((Some(key), _))) => path = child(&path, key),
                _ => {}
            }
        }
        path
    }

    fn tag(&mut self, tag: Option<&Tag>, place: Place) {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            let path = self.path();
            let message = "a YAML tag; allowed: plain values without tags".into();
            self.flaws.push(Flaw {
                place: Some(place),
                path,
                message,
            });
        }
    }
}

fn too_deep() -> String {
    format!("nested too deep; allowed: at most {DEPTH_MAX} levels")
}

fn own(text: Cow<'_, str>) -> String {
    text.into_owned()
}

/// Replaces `<<: mapping` or `<<: [mapping, …]` by the keys that are not there already.
fn merge(entries: &mut Vec<Entry>) {
    let Some(at) = entries.iter().position(|e| e.key == "<<") else {
        return;
    };
    let sources = match &entries[at].value.kind {
        Kind::Map(_) => vec![entries[at].value.clone()],
        Kind::List(items) if items.iter().all(|i| matches!(i.kind, Kind::Map(_))) => items.clone(),
        // Left as it is: the shape check will call `<<` an unknown key.
        _ => return,
    };
    entries.remove(at);
    for source in sources {
        let Kind::Map(more) = source.kind else {
            continue;
        };
        for entry in more {
            if !entries.iter().any(|e| e.key == entry.key) {
                entries.push(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn flaw(text: &str) -> String {
        match read(text) {
            Ok((_, flaws)) => flaws
                .iter()
                .map(|f| format!("{}: {}", f.path, f.message))
                .collect::<String>(),
            Err(flaw) => format!("fatal {:?}: {}", flaw.place, flaw.message),
        }
    }

    #[test]
    fn places_count_from_one() {
        let (root, flaws) = read("a:\n  - b\n  - {c: d}\n").unwrap();
        assert!(flaws.is_empty());
        let Kind::Map(entries) = root.kind else {
            panic!()
        };
        assert_eq!(entries[0].place, Place { line: 1, col: 1 });
        let Kind::List(items) = &entries[0].value.kind else {
            panic!()
        };
        assert_eq!(items[0].place, Place { line: 2, col: 5 });
        let Kind::Map(inner) = &items[1].kind else {
            panic!()
        };
        assert_eq!(inner[0].value.place, Place { line: 3, col: 9 });
    }

    #[test]
    fn flaws() {
        assert_eq!(
            flaw("a: {b: 1, b: 2}"),
            "a.b: given twice; allowed: once (the first is on line 1)"
        );
        assert!(flaw("a: [&x [*x]]").contains("an alias inside"));
        assert!(flaw("a: 1\n---\nb: 1").contains("second document"));
        assert!(flaw("{[a]: b}").contains("a key that is a list"));
        assert!(flaw("a: !vault b").contains("YAML tag"));
        assert!(flaw("a: [").starts_with("fatal Some(Place"));
        assert!(flaw(&format!("{}: b", "k".repeat(300))).contains("key that is too long"));
        assert!(flaw(&"[".repeat(100)).contains("too deep"));
    }

    #[test]
    fn merge_keys_fill_in() {
        let (root, flaws) =
            read("d: &d {x: 1, y: 2}\na: {<<: *d, y: 3}\nb: {<<: [{z: 1}, *d]}").unwrap();
        assert!(flaws.is_empty());
        assert_eq!(root.keys_of("a"), ["y", "x"]);
        assert_eq!(root.keys_of("b"), ["z", "x", "y"]);
    }

    #[test]
    fn bombs_do_not_go_off() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let alias = vec![format!("*a{}", i - 1); 9].join(", ");
            laughs += &format!("a{i}: &a{i} [{alias}]\n");
        }
        assert!(flaw(&laughs).contains("too many values"));
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(900_000), "*a, ".repeat(100));
        assert!(flaw(&long).contains("too much text"));
    }

    #[test]
    fn large_noise_is_refused_quickly() {
        let half = FILE_BYTES_MAX / 2;
        for unit in [
            "[", "{", "- ", "? ", "\"", "&a ", "*a ", "a: ", "!x ", "%", "'", "|\n", "#\n", "\t",
            "- &a [", "{a: ", "a\n",
        ] {
            let start = Instant::now();
            let _ = read(&unit.repeat(half / unit.len()));
            let took = start.elapsed();
            assert!(took.as_secs() < 5, "{unit:?} took {took:?}");
        }
    }
}
