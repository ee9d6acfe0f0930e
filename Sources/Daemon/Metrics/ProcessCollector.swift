import Glibc
import PrometheusMetrics
import Support

/// Reads what the kernel knows of the process, under the names that all Prometheus clients use.
struct ProcessCollector: MetricsCollector {
    /// Seconds since 1970. The collector is made when the process starts.
    private let start = Double(Clock.wallMilliseconds) / 1_000

    func collect(into text: inout MetricsText) {
        text.add(
            "process_start_time_seconds", .gauge, "Start time of the process since 1970, in seconds.", [([], start)])
        var usage = rusage()
        if getrusage(RUSAGE_SELF.rawValue, &usage) == 0 {
            text.add(
                "process_cpu_seconds_total", .counter, "User and system CPU time, in seconds.",
                [([], Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime))])
        }
        if let pages = Self.residentPages {
            text.add(
                "process_resident_memory_bytes", .gauge, "Resident memory, in bytes.",
                pages * Int(sysconf(Int32(_SC_PAGESIZE))))
        }
        if let count = Self.openFiles { text.add("process_open_fds", .gauge, "Open file descriptors.", count) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            text.add("process_max_fds", .gauge, "Maximum number of open file descriptors.", limit.rlim_cur)
        }
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    /// The second number of `/proc/self/statm`.
    private static var residentPages: Int? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let fields = bytes[..<count].split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? Int(String(decoding: fields[1], as: UTF8.self)) : nil
    }

    /// Entries of `/proc/self/fd`, without `.`, `..` and the descriptor that reads them.
    private static var openFiles: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return max(0, count - 3)
    }
}
