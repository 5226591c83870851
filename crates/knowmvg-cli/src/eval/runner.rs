//! `knowmvg eval CORPUS --task ... --out DIR`: items from a corpus, and the answers of every system.

use std::collections::{BTreeMap, BTreeSet};

use knowmvg::grounder::Grounder;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::train::corpus::{Corpus, Record, Split, Tier};
use knowmvg::train::dataset::{LabelMap, Sample, samples};
use knowmvg::train::drawn::Drawn;
use knowmvg_eval::ask::{Asking, items};
use knowmvg_eval::shuffle::derangement;
use knowmvg_eval::{Item, Task};

use super::answers::Answers;
use super::args::EvalArgs;
use super::asked::Text;
use super::constant::Constant;
use super::folder::{self, Settings};
use super::phrases::spread;
use super::score::score_folder;
use super::score_table::table;
use super::seen::Seen;
use super::system::{Known, Labels, Question, System};
use crate::failure::{Exit, Failure};
use crate::{files, model_folder, output, progress};

/// Asks, answers and says where everything is.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    let (Some(task), Some(out)) = (args.task, &args.out) else {
        return Err(Failure::new(Exit::Usage, "expected --task with --out"));
    };
    let folder = args.corpus()?;
    let asking = Asking {
        task: Task::from(task),
        level: args.level()?,
        ambiguous: args.ambiguous,
        anatomy: args.anatomy,
        noise: args.noise.clone(),
        seed: args.seed,
    };
    let corpus = files::open_corpus(folder)?;
    let (_, grounder) = model_folder::load(&args.model)?;
    let (asked, items, known) = gather(args, &corpus, &grounder, &asking)?;
    let info = grounder.info();
    let settings = Settings {
        data_set: folder::name(&corpus.folder),
        split: format!("{:?}", args.split).to_lowercase(),
        knowledge: info.knowledge.clone(),
        model: Some(info),
        seed: args.seed,
    };
    folder::open(out, &items, &settings)?;
    let ids: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    let mut files = BTreeMap::new();
    for system in System::ALL {
        files.insert(system, Answers::open(&folder::predictions(out, system.name()), &ids)?);
    }
    let mut run = Run { corpus: &corpus, grounder: &grounder, known, files };
    let answered = run.answer(&asked, &items, args.seed)?;
    eprintln!("{} items, {answered} new answers: {}", items.len(), out.display());
    let images: BTreeMap<&str, &Sample> = asked.iter().map(|sample| (sample.record.id.as_str(), sample)).collect();
    let picture = |id: &str| corpus.read_image(&images.get(id)?.record).ok();
    let scores = score_folder(out, args.seed, Some(&picture))?;
    if args.json { output::print_json(&scores) } else { output::print(&table(&scores)) }
}

/// The images, what is asked about them, and what is known before they are seen.
fn gather<'g>(
    args: &EvalArgs,
    corpus: &Corpus,
    grounder: &'g Grounder,
    asking: &Asking,
) -> Result<(Vec<Sample>, Vec<Item>, Known<'g>), Failure> {
    let unusable = |problem: String, fix: &str| {
        Failure::about(Exit::Input, "cannot use the corpus", &corpus.folder, problem).fix(fix)
    };
    let side = grounder.config().image_side;
    let mut labels = LabelMap::new(KnowledgeBase::chest());
    let fits = |r: &Record| args.tier.map(Tier::from).is_none_or(|tier| r.tier == tier);
    let all = samples(corpus, side, &mut labels, fits)
        .map_err(|problem| unusable(problem, "use labels that `knowmvg knowledge` links"))?;
    let split = Split::from(args.split);
    let is_asked = |s: &Sample| s.record.split == split && args.source.as_ref().is_none_or(|n| *n == s.record.source);
    let drawn = Drawn::of(&all);
    let with_items = all.iter().filter(|s| is_asked(s) && !items(&[(*s).clone()], &drawn, asking).is_empty());
    let asked = spread(with_items.cloned().collect(), args.limit.map_or(usize::MAX, |limit| limit as usize));
    if asked.is_empty() {
        let problem = "expected annotated images of this split, tier and source, found none".to_owned();
        return Err(unusable(problem, "choose another --split, --tier or --source"));
    }
    let train: Vec<Sample> = all.iter().filter(|s| s.record.split == Split::Train).cloned().collect();
    let findings: BTreeSet<String> = train.iter().flat_map(|s| &s.findings).map(|b| b.finding.clone()).collect();
    let known = Known {
        decoder: grounder.decoder(),
        constant: Constant::fit(&train),
        labels: source_labels(&all),
        findings: findings.into_iter().collect(),
        side,
    };
    let items = items(&asked, &drawn, asking);
    Ok((asked, items, known))
}

/// What each source calls a finding; the first name in order where it has several.
fn source_labels(all: &[Sample]) -> Labels {
    let mut labels: BTreeMap<(String, String), String> = BTreeMap::new();
    for (sample, found) in all.iter().flat_map(|s| s.findings.iter().map(move |found| (s, found))) {
        let label = labels.entry((sample.record.source.clone(), found.finding.clone())).or_insert(found.label.clone());
        if found.label < *label {
            label.clone_from(&found.label);
        }
    }
    Labels(labels)
}

/// Answers under way.
struct Run<'a> {
    corpus: &'a Corpus,
    grounder: &'a Grounder,
    known: Known<'a>,
    files: BTreeMap<System, Answers>,
}

impl<'a> Run<'a> {
    /// Every image is read and encoded at most once, for its own items and for those of the image whose partner it is.
    fn answer(&mut self, asked: &[Sample], items: &[Item], seed: u64) -> Result<usize, Failure> {
        let before: usize = self.files.values().map(Answers::len).sum();
        let sources: Vec<&str> = asked.iter().map(|s| s.record.source.as_str()).collect();
        let mut visitors: Vec<Option<usize>> = vec![None; asked.len()];
        for (visitor, host) in derangement(&sources, seed).into_iter().enumerate() {
            if let Some(host) = host {
                visitors[host] = Some(visitor);
            }
        }
        let mut by_image: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        items.iter().for_each(|item| by_image.entry(&item.image).or_default().push(item));
        let of = |index: usize| by_image.get(asked[index].record.id.as_str()).cloned().unwrap_or_default();
        let bar = progress::of_things("answering", asked.len() as u64);
        for (index, visitor) in visitors.iter().enumerate() {
            self.image(&asked[index], &of(index), &visitor.map(of).unwrap_or_default())?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(self.files.values().map(Answers::len).sum::<usize>() - before)
    }

    fn image(&mut self, sample: &Sample, own: &[&Item], visiting: &[&Item]) -> Result<(), Failure> {
        for system in [System::Blind, System::Constant] {
            let open = self.open(system, own);
            for item in open {
                let prediction = self.known.not_looking(system, &question(item));
                self.append(system, &prediction)?;
            }
        }
        let looking = System::ALL.into_iter().filter(|system| system.looks()).map(|system| (system, own));
        let all: Vec<(System, &[&Item])> = looking.chain([(System::ShuffledImages, visiting)]).collect();
        let open: Vec<(System, Vec<&Item>)> =
            all.into_iter().map(|(system, items)| (system, self.open(system, items))).collect();
        if open.iter().all(|(_, items)| items.is_empty()) {
            return Ok(());
        }
        let seen = self.see(sample)?;
        for (system, items) in open {
            let questions: Vec<Question> = items.into_iter().map(question).collect();
            let answers = self.known.looking(system, &questions, &seen);
            answers.iter().try_for_each(|prediction| self.append(system, prediction))?;
        }
        Ok(())
    }

    /// The items that a system has not answered yet.
    fn open<'i>(&self, system: System, items: &[&'i Item]) -> Vec<&'i Item> {
        let file = &self.files[&system];
        items.iter().filter(|item| !file.has(&item.id)).copied().collect()
    }

    fn append(&mut self, system: System, prediction: &knowmvg_eval::Prediction) -> Result<(), Failure> {
        self.files.get_mut(&system).expect("every system has a file").append(prediction)
    }

    fn see(&self, sample: &Sample) -> Result<Seen<'a>, Failure> {
        let image = files::read_record(self.corpus, &sample.record)?;
        let path = self.corpus.image_path(&sample.record);
        Seen::new(self.grounder, &image).map_err(|e| Failure::about(Exit::Work, "cannot encode the image", &path, e))
    }
}

/// What a system may read of an item: everything but its truth.
fn question(item: &Item) -> Question<'_> {
    let text = Text { task: item.task, words: &item.text };
    Question { item: &item.id, source: &item.source, size: item.size, text }
}
