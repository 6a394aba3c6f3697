fn main() {
    println!("started: rust");
}
