//! A coordinator that hands out what a test says and remembers what it is told. It can go away and come back.

use imgcalc_proto::v1::workers_server::{Workers, WorkersServer};
use imgcalc_proto::v1::*;
use imgcalc_proto::{PROTOCOL, to_wire};
use imgcalc_shared::task::Task;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// What it hands out and what it was told.
#[derive(Default)]
pub struct Book {
    pub work: VecDeque<Assignment>,
    pub registered: Vec<RegisterRequest>,
    /// Ids of workers it knows; none at first and after [`Coordinator::forget_workers`].
    pub known: Vec<String>,
    pub leases: usize,
    pub updates: Vec<ProgressUpdate>,
    pub completed: Vec<CompleteRequest>,
    pub failed: Vec<FailRequest>,
    /// Directives to stop, while set.
    pub stop: Option<String>,
}

pub struct Coordinator {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    runtime: Option<Runtime>,
}

impl Coordinator {
    pub fn start() -> Coordinator {
        let book = Arc::new(Mutex::new(Book::default()));
        let (runtime, address) = serve("127.0.0.1:0".parse().unwrap(), book.clone());
        Coordinator {
            address,
            book,
            runtime: Some(runtime),
        }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub fn assign(&self, build: &str, token: u64, base: &str, task: &Task) {
        self.book().work.push_back(Assignment {
            task_json: to_wire(task),
            token,
            base: base.into(),
            build: build.into(),
            weights_json: String::new(),
            task: task.id().to_string(),
        });
    }

    /// Ends like a killed process: all connections break.
    pub fn go_away(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    pub fn come_back(&mut self) {
        let (runtime, _) = serve(self.address, self.book.clone());
        self.runtime = Some(runtime);
    }

    pub fn forget_workers(&self) {
        self.book().known.clear();
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn serve(address: SocketAddr, book: Arc<Mutex<Book>>) -> (Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
    let address = listener.local_addr().unwrap();
    let service = WorkersServer::new(Service { book });
    runtime.spawn(async move {
        let server = tonic::transport::Server::builder().add_service(service);
        server
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await
            .unwrap();
    });
    (runtime, address)
}

struct Service {
    book: Arc<Mutex<Book>>,
}

impl Service {
    fn known(&self, worker: &str) -> Result<MutexGuard<'_, Book>, Status> {
        let book = self.book.lock().unwrap();
        if book.known.iter().any(|known| known == worker) {
            Ok(book)
        } else {
            Err(Status::not_found(format!("worker {worker} is unknown")))
        }
    }
}

#[tonic::async_trait]
impl Workers for Service {
    type ProgressStream = ReceiverStream<Result<Directive, Status>>;

    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterReply>, Status> {
        let request = request.into_inner();
        assert_eq!(request.protocol, PROTOCOL);
        let mut book = self.book.lock().unwrap();
        book.registered.push(request);
        let worker = format!("w{}", book.registered.len());
        book.known.push(worker.clone());
        Ok(Response::new(RegisterReply {
            worker,
            lease_ms: 2000,
            heartbeat_ms: 50,
            orphan_ms: 600_000,
        }))
    }

    async fn lease(&self, request: Request<LeaseRequest>) -> Result<Response<LeaseReply>, Status> {
        let LeaseRequest { worker, wait_ms } = request.into_inner();
        for _ in 0..wait_ms.min(500) / 10 {
            {
                let Ok(mut book) = self.known(&worker) else {
                    let unknown_worker = true;
                    return Ok(Response::new(LeaseReply {
                        unknown_worker,
                        ..LeaseReply::default()
                    }));
                };
                if let Some(assignment) = book.work.pop_front() {
                    book.leases += 1;
                    return Ok(Response::new(LeaseReply {
                        assignment: Some(assignment),
                        ..LeaseReply::default()
                    }));
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Response::new(LeaseReply::default()))
    }

    async fn progress(
        &self,
        request: Request<Streaming<ProgressUpdate>>,
    ) -> Result<Response<Self::ProgressStream>, Status> {
        let mut updates = request.into_inner();
        let (directives, receiver) = mpsc::channel(4);
        let book = self.book.clone();
        tokio::spawn(async move {
            while let Ok(Some(update)) = updates.message().await {
                let said = match (Service { book: book.clone() }).known(&update.worker) {
                    Ok(mut book) => {
                        book.updates.push(update);
                        Ok(Directive {
                            stop: book.stop.is_some(),
                            reason: book.stop.clone().unwrap_or_default(),
                            drain: false,
                        })
                    }
                    Err(status) => Err(status),
                };
                let ends = said.is_err();
                if directives.send(said).await.is_err() || ends {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Result<Response<CompleteReply>, Status> {
        let request = request.into_inner();
        self.known(&request.worker)?.completed.push(request);
        Ok(Response::new(CompleteReply {
            verdict: "committed".into(),
            reason: String::new(),
        }))
    }

    async fn fail(&self, request: Request<FailRequest>) -> Result<Response<FailReply>, Status> {
        let request = request.into_inner();
        self.known(&request.worker)?.failed.push(request);
        Ok(Response::new(FailReply {}))
    }

    async fn leave(&self, _: Request<LeaveRequest>) -> Result<Response<LeaveReply>, Status> {
        Ok(Response::new(LeaveReply {}))
    }
}
