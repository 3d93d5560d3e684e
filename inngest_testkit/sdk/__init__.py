"""The protocol between the server and the SDKs: apps, call requests, operations, transports."""
