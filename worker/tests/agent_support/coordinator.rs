//! A coordinator that hands out what a test says and remembers what it is told. It can go away and come back, and be
//! one of a group of which one leads.

use super::wait_until;
use imgcalc_proto::v1::workers_server::{Workers, WorkersServer};
use imgcalc_proto::v1::*;
use imgcalc_proto::{PROTOCOL, to_wire};
use imgcalc_shared::task::Task;
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener as Ear};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Code, Request, Response, Status, Streaming};

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
    /// Whether workers are drained.
    pub drain: bool,
    /// Ids of workers that said goodbye.
    pub left: Vec<String>,
    /// Sequence numbers of the questions for work.
    pub questions: Vec<u64>,
    /// Calls answered with the leader's name.
    pub hints: usize,
    /// What outcomes are answered with, if not that they are committed.
    pub verdict: Option<&'static str>,
    /// The protocol it speaks, if it is another one.
    pub protocol: Option<u32>,
    role: Role,
}

/// What it is in its group.
#[derive(Clone, Copy, Default)]
enum Role {
    #[default]
    Leads,
    Follows(Option<SocketAddr>),
}

/// Makes one of a group the leader, or none; all know it at once.
pub fn elect(group: &[Coordinator], leader: Option<usize>) {
    let address = leader.map(|leader| group[leader].address);
    for (index, coordinator) in group.iter().enumerate() {
        coordinator.book().role = match leader {
            Some(leader) if leader == index => Role::Leads,
            _ => Role::Follows(address),
        };
    }
}

pub struct Coordinator {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    runtime: Option<Runtime>,
    /// Never listens: keeps the port for a coordinator that goes away and comes back.
    _port: TcpSocket,
}

impl Coordinator {
    pub fn start() -> Coordinator {
        let port = TcpSocket::new_v4().unwrap();
        port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // Only from now on, so that no other test is given the same port.
        port.set_reuseaddr(true).unwrap();
        let address = port.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        Coordinator {
            address,
            runtime: Some(serve(address, book.clone())),
            book,
            _port: port,
        }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub fn assign(&self, build: &str, token: u64, base: &str, task: &Task) {
        self.hand_out(Assignment {
            task_json: to_wire(task),
            token,
            base: base.into(),
            build: build.into(),
            weights_json: String::new(),
            task: task.id().to_string(),
        });
    }

    pub fn hand_out(&self, assignment: Assignment) {
        self.book().work.push_back(assignment);
    }

    /// Ends like a killed process: all connections break.
    pub fn go_away(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    pub fn come_back(&mut self) {
        self.runtime = Some(serve(self.address, self.book.clone()));
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

/// While all of these are away: waits until they were asked for so many times in vain.
pub fn wait_until_missed(away: &[Coordinator], times: usize) {
    let listen = |one: &Coordinator| {
        let ear = Ear::bind(one.address).unwrap();
        ear.set_nonblocking(true).unwrap();
        ear
    };
    let ears: Vec<Ear> = away.iter().map(listen).collect();
    let mut heard = 0;
    wait_until("the coordinators are missed", || {
        // Whoever asks is hung up on.
        heard += ears.iter().filter(|ear| ear.accept().is_ok()).count();
        heard >= times
    });
}

fn serve(address: SocketAddr, book: Arc<Mutex<Book>>) -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let listener = runtime.block_on(async { socket.listen(64) }).unwrap();
    let service = WorkersServer::new(Service { book });
    runtime.spawn(async move {
        let server = tonic::transport::Server::builder().add_service(service);
        server
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await
            .unwrap();
    });
    runtime
}

struct Service {
    book: Arc<Mutex<Book>>,
}

impl Service {
    /// The book, if this coordinator leads.
    fn book(&self) -> Result<MutexGuard<'_, Book>, Status> {
        let mut book = self.book.lock().unwrap();
        let Role::Follows(leader) = book.role else {
            return Ok(book);
        };
        let mut status = Status::unavailable("this coordinator does not lead");
        if let Some(leader) = leader {
            book.hints += 1;
            let leader = leader.to_string().parse().unwrap();
            status.metadata_mut().insert("imgcalc-leader", leader);
        }
        Err(status)
    }

    /// The book, if this coordinator leads and knows the worker.
    fn known(&self, worker: &str) -> Result<MutexGuard<'_, Book>, Status> {
        let book = self.book()?;
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
        let mut book = self.book()?;
        let protocol = book.protocol.unwrap_or(PROTOCOL);
        if request.protocol != protocol {
            return Err(Status::failed_precondition(format!(
                "worker {:?} speaks protocol {}, this coordinator {protocol}; use one release",
                request.name, request.protocol
            )));
        }
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
        let LeaseRequest {
            worker,
            wait_ms,
            sequence,
        } = request.into_inner();
        self.book()?.questions.push(sequence);
        for _ in 0..wait_ms.min(500) / 10 {
            {
                let mut book = match self.known(&worker) {
                    Err(status) if status.code() == Code::NotFound => {
                        let unknown_worker = true;
                        return Ok(Response::new(LeaseReply {
                            unknown_worker,
                            ..LeaseReply::default()
                        }));
                    }
                    known => known?,
                };
                if book.drain {
                    let drain = true;
                    return Ok(Response::new(LeaseReply {
                        drain,
                        ..LeaseReply::default()
                    }));
                }
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
                            drain: book.drain,
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
        let mut book = self.known(&request.worker)?;
        book.completed.push(request);
        Ok(Response::new(CompleteReply {
            verdict: book.verdict.unwrap_or("committed").into(),
            reason: String::new(),
        }))
    }

    async fn fail(&self, request: Request<FailRequest>) -> Result<Response<FailReply>, Status> {
        let request = request.into_inner();
        self.known(&request.worker)?.failed.push(request);
        Ok(Response::new(FailReply {}))
    }

    async fn leave(&self, request: Request<LeaveRequest>) -> Result<Response<LeaveReply>, Status> {
        let worker = request.into_inner().worker;
        self.known(&worker)?.left.push(worker);
        Ok(Response::new(LeaveReply {}))
    }
}
