void middle(void);
int main(void) { middle(); return 0; }
