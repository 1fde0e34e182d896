//! A remote control for the public Rust client: clasp-interop CONTROL_URL.
//!
//! The Go test sends one operation at a time over a WebSocket; this program performs it with clasp-client and reports whatever
//! the client's callbacks receive. It decides nothing and checks nothing: every expectation stands in the Go test.

use std::{collections::HashMap, error::Error, sync::Arc, time::Duration};

use clasp_client::{Clasp, prelude::Value};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

type Outcome = Result<Json, Box<dyn Error>>;

/// Client is a public client in a runtime of its own. Its close() sends nothing: the WebSocket stays open, and the router goes
/// on seeing the client, until the runtime ends. So the two end together here, as they do when a program ends.
struct Client {
    clasp: Arc<Clasp>,
    runtime: Runtime,
}

struct Agent {
    push: UnboundedSender<Json>,
    clients: HashMap<String, Client>,
}

impl Agent {
    async fn perform(&mut self, request: &Json) -> Outcome {
        let name = text(request, "client");
        let operation = text(request, "op");
        if operation == "open" {
            return self.open(name, request).await;
        }
        let client = self
            .clients
            .get(name)
            .ok_or_else(|| format!("no client {name} is open"))?;
        match operation {
            "close" => {
                client.clasp.close().await;
                self.clients
                    .remove(name)
                    .unwrap()
                    .runtime
                    .shutdown_background();
                Ok(Json::Null)
            }
            "subscribe" => self.subscribe(client, name, request).await,
            "set" => {
                let value: Value = serde_json::from_value(request["value"].clone())?;
                client.clasp.set(text(request, "address"), value).await?;
                Ok(Json::Null)
            }
            "get" => Ok(serde_json::to_value(
                client.clasp.get(text(request, "address")).await?,
            )?),
            _ => Err(format!("this agent has no operation {operation}").into()),
        }
    }

    async fn open(&mut self, name: &str, request: &Json) -> Outcome {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut builder = Clasp::builder(text(request, "url"))
            .name(name)
            .reconnect(false);
        if !text(request, "token").is_empty() {
            builder = builder.token(text(request, "token"));
        }
        let connected = runtime.spawn(builder.connect()).await?;
        let clasp = match connected {
            Ok(clasp) => Arc::new(clasp),
            Err(error) => {
                runtime.shutdown_background(); // dropping it would wait, which is not allowed in here
                return Err(error.into());
            }
        };
        runtime.spawn(watch(
            Arc::clone(&clasp),
            name.to_owned(),
            self.push.clone(),
        ));
        let session = clasp.session_id();
        if let Some(old) = self
            .clients
            .insert(name.to_owned(), Client { clasp, runtime })
        {
            old.runtime.shutdown_background();
        }
        Ok(json!(session))
    }

    async fn subscribe(&self, client: &Client, name: &str, request: &Json) -> Outcome {
        let (name, sub, push) = (
            name.to_owned(),
            text(request, "sub").to_owned(),
            self.push.clone(),
        );
        let receive = move |value: Value, address: &str| {
            let event = json!({"event": "value", "client": name, "sub": sub, "address": address, "value": value});
            let _ = push.send(event); // nobody listens any more when the test is over
        };
        Ok(json!(
            client
                .clasp
                .subscribe(text(request, "pattern"), receive)
                .await?
        ))
    }
}

/// watch reports when a client is no longer connected: the client has no callback for that, only the question.
async fn watch(clasp: Arc<Clasp>, client: String, push: UnboundedSender<Json>) {
    while clasp.is_connected() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _ = push.send(json!({"event": "disconnect", "client": client}));
}

/// text is a field of a request, and empty where the request has none.
fn text<'a>(request: &'a Json, field: &str) -> &'a str {
    request[field].as_str().unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let url = std::env::args()
        .nth(1)
        .ok_or("usage: clasp-interop CONTROL_URL")?;
    let (mut write, mut read) = connect_async(url).await?.0.split();
    let (push, mut reports) = unbounded_channel::<Json>();
    tokio::spawn(async move {
        while let Some(report) = reports.recv().await {
            if write.send(Message::Text(report.to_string())).await.is_err() {
                break; // the test has hung up
            }
        }
    });

    let mut agent = Agent {
        push,
        clients: HashMap::new(),
    };
    while let Some(Ok(Message::Text(line))) = read.next().await {
        let request: Json = serde_json::from_str(&line)?;
        let reply = match agent.perform(&request).await {
            Ok(result) => json!({"id": request["id"], "result": result}),
            Err(error) => json!({"id": request["id"], "error": error.to_string()}),
        };
        agent.push.send(reply)?;
    }
    std::process::exit(0) // and not by return, which would drop the clients' runtimes in here
}
