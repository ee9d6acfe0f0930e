import Glibc

/// The limit on open files, which is the limit on connections.
enum OpenFiles {
    /// What the host itself keeps open beside connections: loops, logs, plugins and their databases.
    static let reserve = 256

    /// Raises this process's limit as far as it may, and returns it.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1_024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
