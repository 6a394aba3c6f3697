#include <stdio.h>
void greet(void) { puts("started: greet"); }
