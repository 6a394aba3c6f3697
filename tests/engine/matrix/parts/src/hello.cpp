#include <iostream>
#include <stdexcept>
#include <string>
int main() {
    try { throw std::runtime_error("caught"); }
    catch (const std::exception &error) { std::cout << "started: cpp " << error.what() << std::endl; }
    return 0;
}
