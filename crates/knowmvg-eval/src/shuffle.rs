//! Partners that are never oneself: controls show what a system owes to the right image or the right knowledge.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// A partner for each of `keys`: another index with an equal group.
///
/// Each member of a group is the partner of exactly one other; a group of one has no partner, which is `None`.
pub fn derangement<Group: Ord>(keys: &[Group], seed: u64) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order.sort_by(|a, b| keys[*a].cmp(&keys[*b]));
    let mut partners = vec![None; keys.len()];
    for group in order.chunk_by(|a, b| keys[*a] == keys[*b]).filter(|group| group.len() > 1) {
        // A cycle through a shuffled group moves every member.
        for (position, member) in group.iter().enumerate() {
            partners[*member] = Some(group[(position + 1) % group.len()]);
        }
    }
    partners
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everyone_gets_another_of_the_same_group_and_nobody_twice() {
        let keys: Vec<usize> = (0..50).map(|i| i % 3).chain([9]).collect();
        let partners = derangement(&keys, 4);
        for (index, partner) in partners.iter().enumerate().take(50) {
            let partner = partner.unwrap();
            assert!(partner != index && keys[partner] == keys[index]);
        }
        assert_eq!(partners[50], None);
        assert_eq!(partners.iter().flatten().collect::<BTreeSet<_>>().len(), 50);
        assert_eq!(partners, derangement(&keys, 4));
        assert_ne!(partners, derangement(&keys, 5));
    }
}
