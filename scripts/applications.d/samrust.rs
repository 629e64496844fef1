// A program that uses yosemite, a library of Rust, at two SAM servers: samrust TCP-PORT UDP-PORT TCP-PORT UDP-PORT.
use std::io::{BufRead, BufReader, Read, Write};
use yosemite::{
    style::{Primary, Repliable, Stream},
    RouterApi, Session, SessionOptions,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ports: Vec<u16> = std::env::args().skip(1).map(|p| p.parse().unwrap()).collect();
    let at = |i: usize| SessionOptions {
        samv3_tcp_port: ports[2 * i],
        samv3_udp_port: ports[2 * i + 1],
        ..Default::default()
    };

    // Lines are echoed by who serves.
    let mut serves = Session::<Stream>::new(at(0))?;
    let destination = serves.destination().to_owned();
    std::thread::spawn(move || {
        while let Ok(mut stream) = serves.accept() {
            let mut b = [0u8; 512];
            while let Ok(n) = stream.read(&mut b) {
                if n == 0 || stream.write_all(&b[..n]).is_err() {
                    break;
                }
            }
        }
    });
    // Datagrams are sent back by who takes them.
    let mut takes = Session::<Repliable>::new(at(0))?;
    let taker = takes.destination().to_owned();
    std::thread::spawn(move || {
        let mut b = [0u8; 512];
        while let Ok((n, from)) = takes.recv_from(&mut b) {
            let _ = takes.send_to(&b[..n], &from);
        }
    });

    // Who asks has one session of parts.
    let mut asks = Session::<Primary>::new(at(1))?;
    let mut streams = asks.create_subsession::<Stream>(at(1))?;
    let mut stream = BufReader::new(streams.connect(&destination)?);
    for i in 0..100 {
        let line = format!("{i}\n");
        stream.get_mut().write_all(line.as_bytes())?;
        let mut back = String::new();
        stream.read_line(&mut back)?;
        assert_eq!(line, back);
    }
    let mut datagrams = asks.create_subsession::<Repliable>(at(1))?;
    let (said, heard) = std::sync::mpsc::channel();
    datagrams.send_to(b"hello", &taker)?;
    std::thread::spawn(move || {
        let mut b = [0u8; 512];
        let (n, from) = datagrams.recv_from(&mut b).unwrap();
        said.send((b[..n].to_vec(), from)).unwrap();
    });
    let (b, from) = heard.recv_timeout(std::time::Duration::from_secs(60))?;
    assert!(b == b"hello" && from[..500] == taker[..500]); // it knows destinations by their private keys

    let (destination, _) = RouterApi::new(ports[0]).generate_destination()?;
    assert!(!destination.is_empty());
    println!("a stream, 100 lines to and fro; datagrams; both as parts of one session; keys");
    Ok(())
}
