//! `nat`, in network namespaces of the tests' own: what a sandbox reaches, what is closed, and that nothing is left.

use crate::Test;
use crate::rig::{Rig, TestSandbox, config, wait_until};
use hearth_core::network::{Mode, RUNTIME_API_PORT, SERVICE};
use hearth_init::netlink::{Netlink, attributes};
use hearth_init::sys;
use hearth_sandbox::process::{NetworkConfig, NetworkWish, ProcessConfig, ProcessSandboxes};
use hearth_sandbox::{ExitStatus, Sandboxes};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;

pub(crate) const TESTS: &[Test] = &[
    ("resolvers_and_ports_are_there_in_both_modes", resolvers_and_ports_are_there_in_both_modes),
    ("a_socket_of_the_sandbox_reaches_what_listens_inside", a_socket_of_the_sandbox_reaches_what_listens_inside),
    ("nat_leads_out_and_nowhere_else", nat_leads_out_and_nowhere_else),
    ("nat_takes_back_what_it_changed", nat_takes_back_what_it_changed),
    ("nat_of_a_killed_service_is_swept", nat_of_a_killed_service_is_swept),
    ("nat_that_cannot_be_had_is_said", nat_that_cannot_be_had_is_said),
];

/// Runs a test in a network namespace that nobody else is in.
fn elsewhere(test: impl FnOnce() + Send) {
    let run = || {
        sys::unshare(libc::CLONE_NEWNET).unwrap();
        ip("link set lo up");
        test();
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split(' ')).status().unwrap().success(), "ip {arguments}");
}

fn nat(rig: &Rig, name: &str) -> ProcessConfig {
    let network = NetworkConfig { wish: NetworkWish::Nat, ..NetworkConfig::default() };
    ProcessConfig { network, ..config(&rig.home.path().join(name), &format!("test-{name}")) }
}

fn assigned<'a>(rig: &'a Rig, sandboxes: &ProcessSandboxes) -> TestSandbox<'a> {
    let sandbox = rig.blank_of(sandboxes, &rig.tree).unwrap();
    sandbox.sandbox.assign(&rig.assignment()).unwrap();
    sandbox
}

/// Names of the links of services, here.
fn links() -> Vec<String> {
    let links = Netlink::open().unwrap().list("links", libc::RTM_GETLINK, &[0; 16]).unwrap();
    let name = |link: &Vec<u8>| {
        let name = attributes(&link[16..]).find(|(kind, _)| *kind == libc::IFLA_IFNAME)?.1.to_vec();
        Some(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned())
    };
    links.iter().filter_map(name).filter(|name| name.starts_with("hearth")).collect()
}

/// What is left of `nat` here; nothing, as it should be, is empty.
fn traces() -> String {
    let said = |program: &str, arguments: &[&str]| {
        String::from_utf8(Command::new(program).args(arguments).output().unwrap().stdout).unwrap()
    };
    let forwarding = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    let forwarding = if forwarding.trim() == "0" { String::new() } else { forwarding };
    [
        said("nft", &["list", "tables"]),
        said("ip", &["route", "show", "type", "blackhole"]),
        links().concat(),
        forwarding,
    ]
    .concat()
}

fn resolvers_and_ports_are_there_in_both_modes(rig: &Rig) {
    let network = NetworkConfig { exposed: vec![5_432, 6_379], ..NetworkConfig::default() };
    let service = ProcessConfig { network, ..config(&rig.home.path().join("ports"), "test-ports") };
    let sandboxes = ProcessSandboxes::start(service).unwrap();
    assert_eq!(sandboxes.capabilities().network, Mode::Isolated);
    let sandbox = assigned(rig, &sandboxes);
    assert_eq!(sandbox.output("cat /etc/resolv.conf"), "nameserver 169.254.100.1");
    assert_ne!(sandbox.run("echo x >> /etc/resolv.conf").status, ExitStatus::Code(0));
    let sockets = sandbox.sandbox.take_sockets().unwrap();
    let ports: Vec<u16> = sockets.exposed.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [5_432, 6_379]);
    for (port, listener) in &sockets.exposed {
        assert_eq!(listener.local_addr().unwrap().to_string(), format!("169.254.100.1:{port}"));
    }
    let served = thread::spawn(move || {
        let (mut stream, _) = sockets.exposed[1].1.accept().unwrap();
        stream.write_all(b"pong\n").unwrap();
    });
    assert_eq!(sandbox.output("nc 169.254.100.1 6379 < /dev/null"), "pong");
    served.join().unwrap();
    drop(sandbox);
    sandboxes.stop().unwrap();
}

fn a_socket_of_the_sandbox_reaches_what_listens_inside(rig: &Rig) {
    let sandbox = rig.sandbox();
    // The Runtime API's address is on loopback inside, and nowhere else: who gets through is inside.
    let listener = sandbox.sandbox.take_sockets().unwrap().runtime_api;
    let socket = sandbox.sandbox.socket().unwrap();
    let address = rustix::net::SocketAddrV4::new(SERVICE, RUNTIME_API_PORT);
    let connecting = rustix::net::connect(&socket, &address);
    assert!(matches!(connecting, Ok(()) | Err(rustix::io::Errno::INPROGRESS)), "{connecting:?}");
    let (_, client) = listener.accept().unwrap();
    assert!(client.ip().is_loopback() || client.ip() == SERVICE, "{client}");
    drop((socket, listener));
    let after = sandbox.sandbox.socket().unwrap();
    let refused = rustix::net::connect(&after, &rustix::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
    assert!(refused.is_err(), "nobody of the host's answers");
}

fn nat_leads_out_and_nowhere_else(rig: &Rig) {
    if !rig.is_host("nat") {
        return;
    }
    elsewhere(|| {
        // An address of the host's, with a server on it.
        ip("address add 198.51.100.1/32 dev lo");
        ip("link add out up type veth peer name far");
        ip("route add default dev out");
        let server = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let sandboxes = ProcessSandboxes::start(nat(rig, "nat")).unwrap();
        assert_eq!(sandboxes.capabilities().network, Mode::Nat);
        let (one, other) = (assigned(rig, &sandboxes), assigned(rig, &sandboxes));
        let own = |sandbox: &TestSandbox<'_>| {
            let shown = sandbox.output("ip -o -4 address show dev eth0");
            shown.split_whitespace().find_map(|word| word.strip_suffix("/32").map(str::to_owned)).unwrap()
        };
        let neighbour = own(&other);
        assert_ne!(own(&one), neighbour);
        assert_eq!(one.output("ip -o -6 address show dev eth0"), "");
        // A server of the neighbour's, on all of its addresses.
        let (_listening, _) = other.start_until_line("nc -l -p 7777 -e echo & sleep 1; echo listening; sleep 1000");
        let gateway = "169.254.100.2".to_owned();
        let unlike = ["169.254.169.254", "100.100.100.200", "198.51.100.1", "127.0.0.1"].map(str::to_owned);
        for address in unlike.iter().chain([&neighbour, &gateway]) {
            for port in [port, 7_777, 80] {
                let ran = one.run(&format!("echo x | nc -w 5 {address} {port}"));
                assert_ne!(ran.status, ExitStatus::Code(0), "{address} {port}: {ran:?}");
                assert!(!ran.stderr.contains("timed out"), "{address} {port} is refused at once: {ran:?}");
            }
        }
        for command in
            ["ip route add 198.51.100.0/24 dev lo", "ip address add 198.51.100.1/32 dev eth0", "ip link set eth0 down"]
        {
            assert_ne!(one.run(command).status, ExitStatus::Code(0), "{command}");
        }
        server.set_nonblocking(true).unwrap();
        assert!(server.accept().is_err(), "nothing has come to the host");
        drop((one, other));
        sandboxes.stop().unwrap();
    });
}

fn nat_takes_back_what_it_changed(rig: &Rig) {
    if !rig.is_host("nat") {
        return;
    }
    elsewhere(|| {
        let (first, second) = (nat(rig, "first"), nat(rig, "second"));
        let first = ProcessSandboxes::start(first).unwrap();
        let sandbox = assigned(rig, &first);
        assert_eq!(links().len(), 1);
        // Two services side by side: what one takes back, the other still has.
        let second = ProcessSandboxes::start(second).unwrap();
        let kept = assigned(rig, &second);
        sandbox.sandbox.terminate().unwrap();
        assert_eq!(links().len(), 1, "that of the other");
        drop(sandbox);
        first.stop().unwrap();
        assert_eq!(links().len(), 1);
        assert!(traces().contains("hearth-test-second") && !traces().contains("hearth-test-first"), "{}", traces());
        assert!(traces().ends_with("1\n"), "forwarding stays on for the other: {}", traces());
        second.stop().unwrap();
        assert_eq!(traces(), "");
        drop(kept);
    });
}

fn nat_of_a_killed_service_is_swept(rig: &Rig) {
    if !rig.is_host("nat") {
        return;
    }
    elsewhere(|| {
        let home = rig.home.path();
        let mut owner = Command::new("/proc/self/exe")
            .args(["owner", home.to_str().unwrap(), "nat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(links().len(), 3, "{line}");
        owner.kill().unwrap();
        owner.wait().unwrap();
        assert!(traces().contains("hearth-test-owner"), "a kill leaves rules");
        // In the other mode, too.
        let next = ProcessSandboxes::start(config(&home.join("owner"), "test-owner")).unwrap();
        assert_eq!(traces(), "");
        wait_until("its loop devices are free", || next.stop().is_ok());
    });
}

fn nat_that_cannot_be_had_is_said(rig: &Rig) {
    if !rig.standing.is_host() {
        let with = |wish: NetworkWish| {
            let network = NetworkConfig { wish, ..NetworkConfig::default() };
            ProcessSandboxes::start(ProcessConfig { network, ..nat(rig, "refused") })
        };
        assert!(with(NetworkWish::Nat).unwrap_err().to_string().contains("only root"));
        // Nothing is mounted there any more.
        fs::remove_dir_all(rig.home.path().join("refused")).unwrap();
        let fallen_back = with(NetworkWish::NatIfPossible).unwrap().capabilities();
        assert_eq!(fallen_back.network, Mode::Isolated);
        assert!(fallen_back.network_reason.unwrap().contains("only root"));
        return;
    }
    elsewhere(|| {
        ip("address add 100.64.0.1/10 dev lo");
        let with = |wish: NetworkWish, range: &str| {
            let network = NetworkConfig { wish, range: Some(range.parse().unwrap()), exposed: vec![] };
            ProcessSandboxes::start(ProcessConfig { network, ..nat(rig, "taken") })
        };
        let refused = with(NetworkWish::Nat, "100.64.16.0/20").unwrap_err();
        assert_eq!(refused.to_string(), "use 100.64.16.0/20 while this host routes 100.64.0.0/10");
        let fallen_back = with(NetworkWish::NatIfPossible, "100.64.16.0/20").unwrap().capabilities();
        assert_eq!(fallen_back.network, Mode::Isolated);
        assert!(fallen_back.network_reason.unwrap().contains("while this host routes 100.64.0.0/10"));
        assert_eq!(traces(), "");
        let elsewhere = with(NetworkWish::NatIfPossible, "10.64.16.0/20").unwrap();
        assert_eq!((elsewhere.capabilities().network, elsewhere.capabilities().network_reason), (Mode::Nat, None));
        elsewhere.stop().unwrap();
        assert_eq!(traces(), "");
    });
}
