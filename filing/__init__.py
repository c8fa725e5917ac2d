"""The month's books as files: what is uploaded to the tax portal and what an accountant keeps."""
