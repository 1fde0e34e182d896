//! The CLASP reference router on the address that it is given, open to everybody, without
//! the limits that a load would meet.

use clasp_router::{Router, RouterConfig, RouterStateConfig};

#[tokio::main]
async fn main() {
    let argument = std::env::args().nth(1).expect("usage: clasp-rs ADDRESS");
    if argument == "--version" {
        println!("clasp-router {}", env!("CARGO_PKG_VERSION"));
        return;
    }
    let config = RouterConfig {
        max_sessions: 1_000_000,
        max_subscriptions_per_session: 0, // none
        rate_limiting_enabled: false,
        state_config: RouterStateConfig::unlimited(),
        ..RouterConfig::default()
    };
    if let Err(error) = Router::new(config).serve_websocket(&argument).await {
        eprintln!("clasp-rs: {error}");
        std::process::exit(1);
    }
}
