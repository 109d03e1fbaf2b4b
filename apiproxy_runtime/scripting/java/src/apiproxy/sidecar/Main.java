package apiproxy.sidecar;

import com.apigee.flow.Fault;
import com.apigee.flow.execution.Action;
import com.apigee.flow.execution.ExecutionResult;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The sidecar: a process that runs the Java callouts of all bundles for the host that started it. */
public final class Main {
    private static final int THREADS = 256;
    private static final long LEAVE_MILLIS = 30_000;

    private final Channel channel;
    private final Map<Integer, Program.Jars> jars = new ConcurrentHashMap<>();
    private final Map<Integer, Program> programs = new ConcurrentHashMap<>();
    private final Map<Integer, Call> calls = new ConcurrentHashMap<>();
    private final ThreadLocal<Call> current = new ThreadLocal<>();
    private final ExecutorService pool;

    private Main(Channel channel) {
        this.channel = channel;
        ThreadPoolExecutor threads =
                new ThreadPoolExecutor(
                        THREADS, THREADS, 60, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Main::daemon);
        threads.allowCoreThreadTimeOut(true);
        pool = threads;
    }

    static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    public static void main(String[] arguments) {
        DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in), 65536));
        Main main = new Main(new Channel(new FileOutputStream(FileDescriptor.out)));
        // callouts print and read as they like, and never into the pipes
        System.setIn(new ByteArrayInputStream(new byte[0]));
        System.setOut(new PrintStream(main.new Printed(), true));
        Detour.install();
        Runtime.getRuntime().addShutdownHook(new Thread(main::leave));
        try {
            main.channel.send(Channel.READY, 0, out -> Wire.writeText(out, System.getProperty("java.version")));
            while (true) {
                byte[] frame = new byte[in.readInt()];
                in.readFully(frame);
                main.take(frame);
            }
        } catch (EOFException hostIsGone) {
            Runtime.getRuntime().halt(0);
        } catch (Throwable broken) {
            broken.printStackTrace();
            Runtime.getRuntime().halt(70);
        }
    }

    private void take(byte[] frame) throws IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(frame));
        int letter = in.readByte();
        int number = in.readInt();
        Call call;
        switch (letter) {
            case 'J':
                List<String> paths = new ArrayList<>();
                for (int count = in.readInt(); count > 0; count--) {
                    paths.add(Wire.readText(in));
                }
                jars.put(number, new Program.Jars(paths));
                break;
            case 'P':
                Program.Jars from = jars.get(in.readInt());
                String className = Wire.readText(in);
                programs.put(number, new Program(from, className, Collections.unmodifiableMap(Wire.readTexts(in))));
                break;
            case 'R':
                Call started = new Call(number, channel);
                calls.put(number, started);
                pool.execute(() -> run(started, in));
                break;
            case 'A':
                call = calls.get(number);
                if (call != null) {
                    call.answer(frame);
                }
                break;
            case 'I':
                call = calls.get(number);
                if (call != null) {
                    call.interrupt();
                }
                break;
            case 'F':
                forget((char) in.readByte(), number);
                break;
            default:
                throw new IOException("a frame of unknown kind " + (char) letter);
        }
    }

    private void forget(char kind, int number) {
        if (kind == 'J') {
            Program.Jars gone = jars.remove(number);
            if (gone != null) {
                gone.forget();
            }
        } else if (kind == 'P') {
            programs.remove(number);
        } else {
            Wire.OBJECTS.remove(number);
        }
    }

    // ---- runs

    private void run(Call call, DataInputStream in) {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        current.set(call);
        call.begin();
        try {
            Program program = programs.get(in.readInt());
            int flags = in.readByte();
            call.read(in);
            thread.setContextClassLoader(program.jars);
            Flow flow = new Flow(call, (flags & 1) != 0, (flags & 2) != 0);
            ExecutionResult result = program.instance().execute(new Context(call), flow);
            if (result != null && result.getAction() == Action.PAUSE) {
                flow.awaitResume();
            }
            tell(call, result, flow.lastAdded());
        } catch (Throwable thrown) {
            thrown(call, thrown);
        } finally {
            thread.setContextClassLoader(before);
            current.remove();
            calls.remove(call.number);
        }
    }

    private static void tell(Call call, ExecutionResult result, Fault fault) {
        if (result == null) {
            thrown(call, new NullPointerException("the callout returned null"));
        } else if (result.getCause() != null) {
            thrown(call, result.getCause());
        } else if (fault != null && fault.getException() != null) {
            thrown(call, fault.getException());
        } else if (result.isSuccess() && result.getAction() != Action.ABORT && fault == null) {
            call.end(out -> out.writeByte(Channel.SUCCESS));
        } else {
            call.end(
                    out -> {
                        out.writeByte(Channel.ABORTED);
                        Wire.writeText(out, result.getErrorResponse());
                        Map<String, String> headers = result.getErrorResponseHeaders();
                        Wire.writeTexts(out, headers == null ? Collections.<String, String>emptyMap() : headers);
                    });
        }
    }

    private static void thrown(Call call, Throwable thrown) {
        StringWriter trace = new StringWriter();
        thrown.printStackTrace(new PrintWriter(trace, true));
        call.end(
                out -> {
                    out.writeByte(Channel.THROWN);
                    Wire.writeText(out, thrown.getClass().getName());
                    Wire.writeText(out, thrown.getMessage());
                    Wire.writeText(out, trace.toString());
                });
    }

    // ---- the end

    /** Before the process ends because a callout asked for it: let the others finish. */
    private void leave() {
        try {
            channel.send(Channel.LEAVING, 0, out -> {});
            for (Call call : new ArrayList<>(calls.values())) {
                if (call.isExiting()) {
                    call.end(out -> out.writeByte(Channel.EXITED));
                    calls.remove(call.number);
                }
            }
            long until = System.currentTimeMillis() + LEAVE_MILLIS;
            while (!calls.isEmpty() && System.currentTimeMillis() < until) {
                Thread.sleep(5);
            }
        } catch (IOException | InterruptedException late) {
            // the host is gone, and nobody waits any more
        }
    }

    /** Standard output: what a callout prints goes to its trace, all else to standard error. */
    private final class Printed extends OutputStream {
        @Override
        public void write(int one) {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            Call call = current.get();
            if (call == null) {
                System.err.write(bytes, offset, length);
            } else {
                call.print(bytes, offset, length);
            }
        }
    }
}
