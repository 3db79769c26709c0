//! A way to a server that is cut in the worst moment: what was asked arrives, and the answer does not.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Accepts connections for as long as the process lives.
pub(crate) struct Cutter {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Connections that were accepted; each has the number of those before it.
    accepted: AtomicU64,
    /// Greater than the number of a connection when its answers are swallowed.
    swallowed_below: AtomicU64,
    connections: Mutex<Vec<[TcpStream; 2]>>,
}

impl Cutter {
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let Ok(far) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let both = [near, far];
                for stream in &both {
                    stream.set_nodelay(true).unwrap();
                }
                let [up, down] = [0, 1].map(|_| both.each_ref().map(|stream| stream.try_clone().unwrap()));
                let number = {
                    let mut connections = of_thread.connections.lock().unwrap();
                    connections.push(both);
                    of_thread.accepted.fetch_add(1, Ordering::SeqCst)
                };
                let shared = Arc::clone(&of_thread);
                std::thread::spawn(move || copy(&up[0], &up[1], || true));
                std::thread::spawn(move || {
                    copy(&down[1], &down[0], || shared.swallowed_below.load(Ordering::SeqCst) <= number);
                });
            }
        });
        Self { port, shared }
    }

    /// Lets no more answers of the present connections through, and ends them a moment later.
    pub(crate) fn cut(&self, pause: Duration) {
        let mut connections = self.shared.connections.lock().unwrap();
        self.shared.swallowed_below.store(self.shared.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
        let ended = std::mem::take(&mut *connections);
        drop(connections);
        std::thread::sleep(pause);
        for stream in ended.iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, passes: impl Fn() -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if passes() && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
