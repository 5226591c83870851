//! A process that dies between any two steps, many times.

use std::collections::{BTreeMap, BTreeSet};

use knowmvg_listen::{NewDelivery, NotSent, Queue};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{Bench, Store, image, report};

on_both_stores!(nothing_is_lost_and_nothing_is_sent_twice_wherever_the_process_dies);

const IMAGES: u32 = 12;
const DESTINATIONS: [&str; 2] = ["pacs", "archive"];

/// The other side: what it has, and how often it was sent.
#[derive(Default)]
struct Archive {
    stored: BTreeMap<(String, &'static str), u32>,
}

/// One life of a process: it does steps until it dies.
struct Life<'a> {
    queue: Queue,
    bench: &'a Bench,
    rng: &'a mut StdRng,
}

/// The process is dead.
struct Dead;

impl Life<'_> {
    /// Dies here, perhaps.
    fn risk(&mut self) -> Result<(), Dead> {
        if self.rng.random_bool(0.08) { Err(Dead) } else { Ok(()) }
    }

    /// Sender and receiver: something is told to be taken in only after the queue has it.
    fn receive(&mut self, unsent: &mut BTreeSet<(u32, bool)>) -> Result<(), Dead> {
        let Some(&(number, is_image)) = unsent.iter().nth(self.rng.random_range(0..unsent.len().max(1))) else {
            return Ok(());
        };
        self.risk()?;
        if is_image {
            self.queue.add_image(&image(number)).unwrap();
        } else {
            self.queue.add_report(&report(number, &format!("report {number}"))).unwrap();
        }
        // A receiver that dies here was not heard: the sender will send again.
        self.risk()?;
        unsent.remove(&(number, is_image));
        Ok(())
    }

    fn work(&mut self) -> Result<(), Dead> {
        let Some(job) = self.queue.take_job().unwrap() else { return Ok(()) };
        self.risk()?;
        let uid = format!("2.25.{}", job.words.strip_prefix("report ").unwrap());
        let path = format!("{uid}.sr.dcm");
        let result =
            NewDelivery { sop_instance_uid: &uid, sop_class_uid: "1.2", study_instance_uid: "1.1", path: &path };
        if self.rng.random_bool(0.2) {
            self.queue.fail_job(&job, "the disk is full", true).unwrap();
        } else {
            self.queue.finish_job(&job, Some(&result), &DESTINATIONS.map(str::to_owned)).unwrap();
        }
        self.risk()
    }

    fn deliver(&mut self, archive: &mut Archive) -> Result<(), Dead> {
        let destination = DESTINATIONS[self.rng.random_range(0..2)];
        let Some(delivery) = self.queue.take_delivery(destination).unwrap() else { return Ok(()) };
        self.risk()?;
        let key = (delivery.sop_instance_uid.clone(), destination);
        if delivery.unsure && archive.stored.contains_key(&key) {
            self.queue.sent(&delivery).unwrap();
            return Ok(());
        }
        if self.rng.random_bool(0.2) {
            self.queue.not_sent(&delivery, "the node cannot be reached", NotSent::NotThere).unwrap();
            return Ok(());
        }
        *archive.stored.entry(key).or_default() += 1;
        // The answer may be lost, and so may the process.
        if self.rng.random_bool(0.2) {
            self.queue.not_sent(&delivery, "the connection was lost", NotSent::Unsure).unwrap();
            return Ok(());
        }
        self.risk()?;
        self.queue.sent(&delivery).unwrap();
        self.risk()
    }

    fn live(&mut self, unsent: &mut BTreeSet<(u32, bool)>, archive: &mut Archive) -> Result<(), Dead> {
        for _ in 0..400 {
            match self.rng.random_range(0..3) {
                0 => self.receive(unsent)?,
                1 => self.work()?,
                _ => self.deliver(archive)?,
            }
            self.bench.pass(1);
        }
        Ok(())
    }
}

fn nothing_is_lost_and_nothing_is_sent_twice_wherever_the_process_dies(store: Store) {
    for seed in 0..8 {
        let bench = store.bench();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut unsent: BTreeSet<(u32, bool)> = (0..IMAGES).flat_map(|n| [(n, true), (n, false)]).collect();
        let mut archive = Archive::default();
        let mut deaths = 0;
        for _ in 0..2000 {
            let mut life = Life { queue: bench.open(), bench: &bench, rng: &mut rng };
            deaths += u32::from(life.live(&mut unsent, &mut archive).is_err());
            drop(life);
            bench.pass(4000);
            let is_over = bench.open().status().unwrap().deliveries.get("sent") == Some(&i64::from(IMAGES * 2));
            if is_over && unsent.is_empty() {
                break;
            }
        }
        assert!(deaths > 5, "seed {seed}: the process died {deaths} times only");
        let expected: BTreeMap<_, _> = (0..IMAGES)
            .flat_map(|number| DESTINATIONS.map(|destination| ((format!("2.25.{number}"), destination), 1)))
            .collect();
        assert_eq!(archive.stored, expected, "seed {seed}");
    }
}
