//! Who has an account on this machine, by `/etc/passwd`.

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Id of its first group.
    pub gid: u32,
}

/// All of them (`passwd(5)`); lines that are none are left out.
pub fn accounts(passwd: &str) -> impl Iterator<Item = Account> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { name, uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_none_are_left_out() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1001::/home/ada:/bin/sh\nbob:x:no:1::\n";
        let found: Vec<_> = accounts(passwd).map(|account| (account.name, account.uid, account.gid)).collect();
        assert_eq!(found, [("root".to_owned(), 0, 0), ("ada".to_owned(), 1_000, 1_001)]);
    }
}
