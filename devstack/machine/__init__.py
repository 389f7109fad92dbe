"""What the stack needs of the machine: installed programs, child processes, certificates, and nothing but loopback."""
