/// The POST a polling session may have under way.
enum PostState {
    /// None.
    case idle
    /// The body of this request is being read.
    case reading(ObjectIdentifier)
    /// It said goodbye, and is answered when the session is over.
    case held(answer: () -> Void)

    /// A POST began. false: another one is under way, which ends the session.
    mutating func begin(_ request: AnyObject) -> Bool {
        guard case .idle = self else { return false }
        self = .reading(ObjectIdentifier(request))
        return true
    }

    /// Whether `request` is the one under way; it no longer is afterwards.
    mutating func end(_ request: AnyObject) -> Bool {
        guard case .reading(let current) = self, current == ObjectIdentifier(request) else { return false }
        self = .idle
        return true
    }

    /// The session is over: the POST that is held is answered.
    mutating func release() {
        guard case .held(let answer) = self else { return }
        self = .idle
        answer()
    }
}
