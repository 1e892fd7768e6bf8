//! Security as the parties meet it: the certificates that `imgcalc certs` makes, and the lines they open and close.

mod security {
    mod certs;
    mod lines;
    mod support;
}
