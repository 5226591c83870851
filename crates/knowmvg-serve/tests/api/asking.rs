//! Questions: a language model of four lines stands before the shipped decoder.

use std::sync::OnceLock;

use knowmvg::grounder::Grounder;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::reader::{PhraseReader, ReadPhrase, Reading, Reply, Seen};
use knowmvg::report::{self, Phrase};
use knowmvg_dicom::deidentify::{BurnedIn, Deidentifier, Key, Profile};
use knowmvg_serve::Config;
use serde_json::{Value, json};

use crate::client::{Answer, Client, patient, repository, run, small_image};
use crate::deidentified::sent;
use crate::form::Form;

/// Says back what it is asked, and points at an effusion; a shrug it cannot read.
struct Parrot;

impl PhraseReader for Parrot {
    fn name(&self) -> &str {
        "parrot"
    }

    fn sha256(&self) -> &str {
        "00"
    }

    fn report(&self, _: &Seen, _: &str) -> Result<Reading, String> {
        Err("it reads no reports".into())
    }

    fn phrases(&self, seen: &Seen, phrases: &[Phrase]) -> Result<Vec<Vec<f32>>, String> {
        Ok(vec![vec![0.5; seen.decoder.config.width]; phrases.len()])
    }

    fn question(&self, seen: &Seen, question: &str) -> Result<Reply, String> {
        if question == "?" {
            return Err("expected words".into());
        }
        let phrase = report::query("left effusion", KnowledgeBase::chest());
        let embed = vec![0.5; seen.decoder.config.width];
        Ok(Reply { text: question.to_lowercase(), phrases: vec![ReadPhrase { phrase, embed }], warnings: vec![] })
    }
}

fn server(config: Config) -> Client {
    static GROUNDER: OnceLock<&'static Grounder> = OnceLock::new();
    let grounder = GROUNDER.get_or_init(|| {
        let loaded = Grounder::load(&repository("models")).expect("the model is committed");
        Box::leak(Box::new(loaded.with_reader(Box::new(Parrot))))
    });
    Client::of(grounder, Config { limits: patient(), ..config })
}

async fn open(client: &Client) -> Value {
    client.post_form("/v1/sessions", Form::new().file("image", "", &small_image())).await.with_status(201).json()
}

async fn ask(client: &Client, question: &str) -> Answer {
    let form = Form::new().file("image", "CANARY.dcm", &small_image()).text("question", question);
    client.post_form("/v1/ask", form).await
}

#[test]
fn a_question_is_answered_once_and_in_a_session_alike() {
    run(async {
        let client = server(Config::default());
        let once = ask(&client, "Colour of the film").await.with_status(200).json();
        assert_eq!(once["answer"], "colour of the film");
        assert_eq!(once["grounding"]["findings"][0]["phrase"]["text"], "left effusion");
        assert_eq!(once["grounding"]["model"]["name"], "parrot");

        let session = open(&client).await;
        assert_eq!(session["answers_questions"], true);
        let path = format!("/v1/sessions/{}/ask", session["id"].as_str().unwrap());
        let question = json!({"question": "Colour of the film"});
        assert_eq!(client.post_json(&path, question).await.with_status(200).json(), once);
        let form = Form::new().text("question", "Colour of the film");
        assert_eq!(client.post_form(&path, form).await.with_status(200).json(), once);
    });
}

#[test]
fn boxes_say_where_it_is_and_the_answer_follows_them() {
    run(async {
        let client = server(Config::default());
        let answered = ask(&client, "Where is the effusion?").await.with_status(200).json();
        let place = answered["answer"].as_str().unwrap();
        assert!(knowmvg::question::is_plain(place) && place.ends_with("zone"), "{answered}");
        assert!(answered["grounding"]["warnings"].to_string().contains(&format!("says {place}")), "{answered}");
        assert!(!answered["grounding"]["findings"][0]["boxes"].as_array().unwrap().is_empty());
    });
}

#[test]
fn what_is_no_question_is_refused_and_not_repeated() {
    run(async {
        let client = server(Config::default());
        let path = format!("/v1/sessions/{}/ask", open(&client).await["id"].as_str().unwrap());
        let refused = [
            (json!({}), 422, "nothing-asked"),
            (json!({"question": " "}), 422, "nothing-asked"),
            (json!({"question": "?"}), 422, "unreadable-text"),
            (json!({"question": format!("CANARY {}", "a".repeat(1_000))}), 422, "unreadable-text"),
            (json!({"question": "CANARY?", "report": "CANARY"}), 400, "bad-request"),
            (json!({"question": "CANARY?", "image": "AAEC"}), 400, "bad-request"),
            (json!({"question": ["CANARY"]}), 400, "bad-request"),
        ];
        for (body, status, kind) in refused {
            let answer = client.post_json(&path, body).await.with_status(status);
            assert_eq!(answer.problem(), kind);
            assert!(!String::from_utf8_lossy(&answer.body).contains("CANARY"), "{answer:?}");
        }
        let twice = Form::new().text("question", "CANARY").text("question", "CANARY");
        assert_eq!(client.post_form(&path, twice).await.with_status(400).problem(), "bad-request");
        let words = path.replace("/ask", "/ground");
        let answer = client.post_json(&words, json!({"question": "CANARY?"})).await.with_status(400);
        assert_eq!(answer.problem(), "bad-request");
        assert!(client.lines().iter().all(|line| !line.contains("CANARY")));
        client.post_json("/v1/sessions/none/ask", json!({"question": "Why?"})).await.with_status(404);
    });
}

#[test]
fn rules_answer_no_questions_and_say_what_would() {
    run(async {
        let client = Client::new(patient());
        assert_eq!(ask(&client, "Is there a mass?").await.with_status(501).problem(), "no-language-model");
        let session = open(&client).await;
        assert_eq!(session["answers_questions"], false);
        let path = format!("/v1/sessions/{}/ask", session["id"].as_str().unwrap());
        client.post_json(&path, json!({"question": "Is there a mass?"})).await.with_status(501);
    });
}

#[test]
fn a_server_without_patients_keeps_what_an_answer_may_repeat_of_them() {
    run(async {
        let key = Key::from_hex(&"5e".repeat(32)).unwrap();
        let deidentifier = Some(Deidentifier::new(key, Profile::new([], BurnedIn::Refuse)));
        let client = server(Config { deidentifier, ..Config::default() });
        let form = Form::new().file("image", "", &sent(&[]));
        let session = client.post_form("/v1/sessions", form).await.with_status(201).json();
        let path = format!("/v1/sessions/{}/ask", session["id"].as_str().unwrap());
        let free = client.post_json(&path, json!({"question": "Is this CANARY"})).await.with_status(200);
        assert_eq!(free.json()["answer"], "");
        assert!(free.json()["grounding"]["warnings"].to_string().contains("left out with the patient"));
        assert!(!String::from_utf8_lossy(&free.body).to_lowercase().contains("canary"));
        let plain = client.post_json(&path, json!({"question": "NO"})).await.with_status(200).json();
        assert_eq!(plain["answer"], "no");
    });
}
