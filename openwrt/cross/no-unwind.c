/* What Rust's standard library asks of an unwinder, for programs that are built so that no panic
 * unwinds: nothing is ever found on the stack, and who throws all the same, dies. */

struct context;

/* "End of stack" and "failure" of the unwinder's interface. */
enum { END_OF_STACK = 5, FAILURE = 9 };

int _Unwind_Backtrace(void *visit, void *argument) { return END_OF_STACK; }
unsigned long _Unwind_GetIP(struct context *c) { return 0; }
unsigned long _Unwind_GetIPInfo(struct context *c, int *before) { return *before = 0; }
unsigned long _Unwind_GetCFA(struct context *c) { return 0; }
unsigned long _Unwind_GetGR(struct context *c, int index) { return 0; }
unsigned long _Unwind_GetRegionStart(struct context *c) { return 0; }
unsigned long _Unwind_GetTextRelBase(struct context *c) { return 0; }
unsigned long _Unwind_GetDataRelBase(struct context *c) { return 0; }
void *_Unwind_GetLanguageSpecificData(struct context *c) { return 0; }
void *_Unwind_FindEnclosingFunction(void *address) { return 0; }
void _Unwind_SetGR(struct context *c, int index, unsigned long value) {}
void _Unwind_SetIP(struct context *c, unsigned long value) {}
void _Unwind_DeleteException(void *exception) {}
void _Unwind_RaiseException(void *exception) { __builtin_trap(); }
void _Unwind_Resume(void *exception) { __builtin_trap(); }

/* Of 32-bit ARM alone. */
int _Unwind_VRS_Get(struct context *c, int class, unsigned index, int kind, void *value) { return FAILURE; }
int _Unwind_VRS_Set(struct context *c, int class, unsigned index, int kind, void *value) { return FAILURE; }
int __gnu_unwind_frame(void *exception, struct context *c) { return FAILURE; }
int __aeabi_unwind_cpp_pr0(int state, void *exception, struct context *c) { return FAILURE; }
int __aeabi_unwind_cpp_pr1(int state, void *exception, struct context *c) { return FAILURE; }
int __aeabi_unwind_cpp_pr2(int state, void *exception, struct context *c) { return FAILURE; }
