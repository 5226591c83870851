//! Jobs: progress, results, failure, cancelling and room for them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use knowmvg_serve::Limits;
use tokio::sync::mpsc;

use crate::client::{Answer, Client, patient, request, run, small_image};
use crate::form::Form;

fn form() -> Form {
    Form::new().file("image", "", &small_image()).text("report", "Left effusion. No pneumothorax.")
}

async fn start(client: &Client) -> String {
    client.post_form("/v1/jobs", form()).await.with_status(202).header("location").to_owned()
}

/// Names of the events until the job ends.
async fn events(client: &Client, job: &str) -> Vec<String> {
    let answer = client.get(&format!("{job}/events")).await.with_status(200);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned).collect()
}

#[test]
fn events_go_forward_and_end_with_the_job() {
    run(async {
        let client = Client::new(patient());
        let job = start(&client).await;
        let events = events(&client, &job).await;
        let order = ["queued", "reading", "encoding", "grounding", "done"];
        let places: Vec<usize> = events.iter().map(|name| order.iter().position(|o| o == name).unwrap()).collect();
        assert!(places.is_sorted() && places.last() == Some(&4), "{events:?}");
        let state = client.get(&job).await.with_status(200).json();
        assert_eq!(state["status"], "done");
        let result = client.get(state["result"].as_str().unwrap()).await.with_status(200).json();
        assert_eq!(result["findings"].as_array().unwrap().len(), 2);
        client.delete(&job).await.with_status(204);
        client.get(&job).await.with_status(404);
    });
}

#[test]
fn a_job_that_fails_says_why() {
    run(async {
        let client = Client::new(patient());
        let form = Form::new().file("image", "", b"no image").text("phrase", "mass");
        let job = client.post_form("/v1/jobs", form).await.with_status(202).header("location").to_owned();
        assert_eq!(events(&client, &job).await.last().unwrap(), "failed");
        let state = client.get(&job).await.with_status(200).json();
        assert_eq!(state["problem"]["status"], 422);
        let result = client.send(request("GET", &format!("{job}/result")).body(Body::empty()).unwrap()).await;
        assert_eq!(result.with_status(422).problem(), "unreadable-image");
    });
}

/// Requests whose body has begun and not ended: they hold their place, and nothing works.
struct Slow {
    rest: mpsc::UnboundedSender<Bytes>,
    answer: tokio::task::JoinHandle<Response<Body>>,
}

impl Slow {
    async fn start(client: &Client, path: &str) -> Self {
        let (rest, mut receiver) = mpsc::unbounded_channel::<Bytes>();
        let (asked, was_asked) = tokio::sync::oneshot::channel();
        let mut asked = Some(asked);
        let stream = futures_util::stream::poll_fn(move |context| {
            // The body is asked for when the place is taken.
            asked.take().map(|asked| asked.send(()));
            receiver.poll_recv(context).map(|chunk| chunk.map(Ok::<_, std::io::Error>))
        });
        let request: Request<Body> =
            request("POST", path).header("content-type", Form::content_type()).body(Body::from_stream(stream)).unwrap();
        let client = client.clone();
        let answer = tokio::spawn(async move { client.open(request).await });
        was_asked.await.unwrap();
        Self { rest, answer }
    }

    async fn finish(self, body: Vec<u8>) -> Answer {
        self.rest.send(body.into()).unwrap();
        drop(self.rest);
        let (parts, body) = self.answer.await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}

#[test]
fn a_full_queue_sends_away_and_loses_nothing() {
    run(async {
        let client = Client::new(Limits { workers: 1, queue: 1, ..patient() });
        let accepted = [Slow::start(&client, "/v1/ground").await, Slow::start(&client, "/v1/ground").await];
        for path in ["/v1/ground", "/v1/sessions", "/v1/jobs"] {
            let refused = client.post_form(path, form()).await.with_status(503);
            assert_eq!(refused.problem(), "queue-full");
            assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
        }
        client.get("/health/ready").await.with_status(200);
        for slow in accepted {
            slow.finish(form().whole()).await.with_status(200);
        }
        client.post_form("/v1/ground", form()).await.with_status(200);
    });
}

#[test]
fn with_too_many_jobs_the_next_one_is_refused_and_none_is_lost() {
    run(async {
        let client = Client::new(Limits { jobs: 1, ..patient() });
        let job = start(&client).await;
        let refused = client.post_form("/v1/jobs", form()).await.with_status(503);
        assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("queue-full", "900"));
        assert_eq!(events(&client, &job).await.last().unwrap(), "done");
        client.get(&format!("{job}/result")).await.with_status(200);
        client.delete(&job).await.with_status(204);
        start(&client).await;
    });
}

#[test]
fn a_deleted_job_tells_its_listeners() {
    run(async {
        let client = Client::new(Limits { workers: 1, ..patient() });
        // The first job is in front of the second.
        let (_first, second) = (start(&client).await, start(&client).await);
        let request = request("GET", &format!("{second}/events")).body(Body::empty()).unwrap();
        let listening = client.open(request).await;
        let early = client.get(&format!("{second}/result")).await.with_status(409);
        assert_eq!((early.problem().as_str(), early.header("retry-after")), ("not-finished", "1"));
        client.delete(&second).await.with_status(204);
        let heard = listening.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&heard).contains("event: cancelled"));
    });
}

#[test]
fn stopping_cancels_jobs_and_is_not_ready() {
    run(async {
        let client = Client::new(patient());
        let job = start(&client).await;
        client.app.stop();
        assert!(["cancelled", "done"].contains(&events(&client, &job).await.last().unwrap().as_str()));
        client.get("/health/ready").await.with_status(503);
        client.get("/health/live").await.with_status(200);
    });
}

#[test]
fn what_takes_too_long_is_given_up() {
    run(async {
        let client = Client::new(Limits { timeout: Duration::from_millis(30), ..Limits::default() });
        let slow = Slow::start(&client, "/v1/ground").await;
        let (parts, _) = slow.answer.await.unwrap().into_parts();
        assert_eq!(parts.status, 408);
        let late = client.post_form("/v1/ground", form()).await.with_status(503);
        assert_eq!(late.problem(), "timed-out");
        assert!(!late.header("retry-after").is_empty());
    });
}
