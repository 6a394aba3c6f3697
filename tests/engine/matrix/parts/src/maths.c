#include <math.h>
#include <stdio.h>
int main(int argc, char **argv) { (void)argv; printf("started: maths %f\n", cos(argc)); return 0; }
