"""Deals with the machine: installed programs, child processes, certificates, and the loopback guard."""
