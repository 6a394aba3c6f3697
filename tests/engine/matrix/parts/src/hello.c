#include <stdio.h>
int main(void) { puts("started: hello"); return 0; }
