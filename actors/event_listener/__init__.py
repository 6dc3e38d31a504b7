"""The EventListener: holds the account's only event stream and answers challenges."""
