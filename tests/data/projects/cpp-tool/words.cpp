#include <iostream>
#include <map>
#include <sstream>
#include <string>

int main()
{
    std::istringstream text("one two two three three three");
    std::map<std::string, int> counts;
    for (std::string word; text >> word;)
        ++counts[word];
    for (const auto &[word, count] : counts)
        std::cout << word << ' ' << count << '\n';
}
