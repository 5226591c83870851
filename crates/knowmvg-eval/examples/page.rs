//! Writes a page from invented results: `cargo run --release -p knowmvg-eval --example page -- page.html`.

#[path = "../tests/page/invented.rs"]
mod invented;

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "page.html".into());
    std::fs::write(path, invented::Run::new(240, 0).html(true))
}
