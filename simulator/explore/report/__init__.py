"""A sweep as files: tables, pictures, and a page that one can send to somebody."""
