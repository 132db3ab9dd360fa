"""Other services that run beside this one."""
