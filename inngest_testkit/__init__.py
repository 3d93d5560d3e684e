"""The Inngest dev server as a library, on a fake clock."""
