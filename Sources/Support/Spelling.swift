/// Suggests corrections for misspelt words in an operator's files. Its cost is not limited, so do not use it for input
/// of clients.
public enum Spelling {
    /// The candidate that begins with `word` or that `word` begins with; otherwise the one with the smallest edit
    /// distance. `nil` if that is more than two edits and more than a third of the word, or more than half of the word.
    /// Ignores case.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let word = word.lowercased()
        let ranked = candidates.map { candidate in
            let known = candidate.lowercased()
            // `warn` for `warning`, `transport` for `transports`.
            let continued = min(word.count, known.count) > 2 && (known.hasPrefix(word) || word.hasPrefix(known))
            return (word: candidate, distance: continued ? 1 : distance(word, known))
        }
        guard let best = ranked.min(by: { ($0.distance, $0.word) < ($1.distance, $1.word) }) else { return nil }
        // Short words are within two edits of nearly every candidate, so at least half of the word must match.
        return best.distance <= max(2, (word.count + 2) / 3) && best.distance * 2 <= word.count ? best.word : nil
    }

    /// The optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours cost 1 each.
    public static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.unicodeScalars), right = Array(right.unicodeScalars)
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            current.reserveCapacity(right.count + 1)
            for column in 1...right.count {
                let same = left[row - 1] == right[column - 1]
                var cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1))
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    cost = min(cost, beforeLast[column - 2] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
