//! What writers meant to do and what they were told of it, in files that outlive them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{FIRST_STOCK, index, int};
use mst_profiles::{Key, Profile};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Score,
    Take,
    Restock,
    Match,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Score, Self::Take, Self::Restock, Self::Match];
}

/// A change, with a name that no other has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Intent {
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) kind: Kind,
    pub(crate) amount: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Durable,
    Refused,
}

/// Where one life of a writer writes.
pub(crate) struct LedgerFile(File);

impl LedgerFile {
    pub(crate) fn create(folder: &Path, writer: &str) -> Self {
        Self(File::create_new(path(folder, writer)).unwrap())
    }

    /// On the disk when it returns.
    pub(crate) fn intend(&mut self, intents: &[Intent]) {
        let line = |i: &Intent| format!("intent {} {} {:?} {}\n", i.name, i.user, i.kind, i.amount);
        self.write(&intents.iter().map(line).collect::<String>());
    }

    /// On the disk when it returns.
    pub(crate) fn tell<'n>(&mut self, outcome: Outcome, names: impl IntoIterator<Item = &'n str>) {
        self.write(&names.into_iter().map(|name| format!("{outcome:?} {name}\n")).collect::<String>());
    }

    fn write(&mut self, lines: &str) {
        self.0.write_all(lines.as_bytes()).unwrap();
        self.0.sync_data().unwrap();
    }
}

fn path(folder: &Path, writer: &str) -> PathBuf {
    folder.join(format!("ledger-{writer}"))
}

/// All ledgers together.
#[derive(Default)]
pub(crate) struct Ledger {
    intents: HashMap<String, Intent>,
    outcomes: HashMap<String, Outcome>,
}

impl Ledger {
    pub(crate) fn read(folder: &Path) -> Self {
        let mut ledger = Self::default();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with("ledger-") {
                ledger.add(&std::fs::read_to_string(entry.path()).unwrap());
            }
        }
        ledger
    }

    fn add(&mut self, text: &str) {
        // A last line that is cut off was never synced, so nothing followed from it.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["intent", name, user, kind, amount] => {
                    let kind = Kind::ALL.into_iter().find(|k| format!("{k:?}") == kind).unwrap();
                    let amount = amount.parse().unwrap();
                    let intent = Intent { name: name.into(), user: user.into(), kind, amount };
                    assert_eq!(self.intents.insert(name.into(), intent), None, "{name}: meant twice");
                }
                [outcome, name] => {
                    let outcome = match outcome {
                        "Durable" => Outcome::Durable,
                        _ => Outcome::Refused,
                    };
                    assert_eq!(self.outcomes.insert(name.into(), outcome), None, "{name}: told twice");
                }
                _ => panic!("{line}"),
            }
        }
    }
}

/// What was found of a profile.
pub(crate) struct Found {
    intended: usize,
    durable: usize,
    refused: usize,
    applied: usize,
    kinds: BTreeMap<String, usize>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { intended, durable, refused, applied, kinds } = self;
        let untold = applied - durable;
        write!(f, "{intended} changes meant, {durable} told to be durable, {refused} refused; ")?;
        write!(f, "{applied} in the database {kinds:?}, so {untold} of killed writers that were not told")
    }
}

/// Everything that is durable is there once, and nothing is there that nobody meant.
pub(crate) fn check(user: &str, profile: &Profile, ledger: &Ledger) -> Found {
    let entries = profile.get(index("entries")).as_dict().unwrap();
    let mut kinds = BTreeMap::new();
    let mut sums = HashMap::from(Kind::ALL.map(|kind| (kind, 0)));
    for (key, amount) in entries {
        let Key::Text(name) = key else { panic!("{key}") };
        let intent = ledger.intents.get(&**name).unwrap_or_else(|| panic!("{name}: nobody meant that"));
        assert_eq!((&*intent.user, Some(intent.amount)), (user, amount.as_int()), "{name}");
        assert_ne!(
            ledger.outcomes.get(&**name),
            Some(&Outcome::Refused),
            "{name}: was refused, and is there"
        );
        *sums.get_mut(&intent.kind).unwrap() += intent.amount;
        *kinds.entry(format!("{:?}", intent.kind)).or_default() += 1;
    }
    // Counters tell what was applied twice, and batches that are not whole.
    for (name, kind) in [
        ("score", Kind::Score),
        ("taken", Kind::Take),
        ("restocked", Kind::Restock),
        ("wins", Kind::Match),
        ("matches", Kind::Match),
    ] {
        assert_eq!(int(profile, name), sums[&kind], "{user}: {name}");
    }
    let stock = int(profile, "stock");
    assert_eq!(stock, FIRST_STOCK + sums[&Kind::Restock] - sums[&Kind::Take], "{user}: stock");
    assert!(stock >= 0, "{user}: {stock} in stock");
    let log = profile.get(index("log")).as_list().unwrap();
    let logged: HashSet<&str> = log.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!((log.len(), logged.len()), (entries.len(), entries.len()), "{user}: log");
    assert!(logged.iter().all(|name| entries.get(&Key::from(*name)).is_some()), "{user}: log");

    let of_user = |outcome: Outcome| {
        let told = ledger.outcomes.iter().filter(move |(_, told)| **told == outcome);
        told.map(|(name, _)| name).filter(|name| ledger.intents[*name].user == user)
    };
    for name in of_user(Outcome::Durable) {
        assert!(entries.get(&Key::from(name.as_str())).is_some(), "{name}: durable, and not there");
    }
    Found {
        intended: ledger.intents.values().filter(|intent| intent.user == user).count(),
        durable: of_user(Outcome::Durable).count(),
        refused: of_user(Outcome::Refused).count(),
        applied: entries.len(),
        kinds,
    }
}
