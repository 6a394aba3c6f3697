use std::io::{Read, Write};
use std::net::TcpListener;

fn main() {
    let listener = TcpListener::bind("0.0.0.0:3000").expect("port 3000");
    println!("listening");
    for stream in listener.incoming().flatten() {
        let mut stream = stream;
        let mut buffer = [0; 512];
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello\n");
    }
}
