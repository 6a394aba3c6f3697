void greet(void);
void middle(void) { greet(); }
