#include <pwd.h>
#include <stdio.h>
int main(void) { struct passwd *p = getpwnam("root"); printf("started: names %s\n", p ? p->pw_dir : "-"); return 0; }
