"""The task API's client: answers become values or typed errors."""
