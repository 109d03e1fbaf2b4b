package apiproxy.sidecar;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * One execution of a callout: what it reads of the transaction, and what it changes.
 *
 * Changes are collected and told with the next question, or with the result. What the host sent beforehand is read
 * here, until a change may have made it out of date.
 */
final class Call {
    private static final int MOST_PRINTED = 65536;
    /** First parts of names behind which one write may change what several names read. */
    private static final Set<String> BUILT_IN =
            new HashSet<>(
                    Arrays.asList(
                            "request", "response", "message", "error", "target", "proxy", "client", "route",
                            "variable"));

    final int number;
    private final Channel channel;
    private final Map<String, Object> known = new HashMap<>();
    private final BlockingQueue<byte[]> answers = new ArrayBlockingQueue<>(1);
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
    private ByteArrayOutputStream changes = new ByteArrayOutputStream();
    private DataOutputStream changing = new DataOutputStream(changes);
    private int changeCount;
    private int room = MOST_PRINTED;
    private Thread thread;
    private boolean ended;
    private boolean stopped;

    Call(int number, Channel channel) {
        this.number = number;
        this.channel = channel;
    }

    // ---- what the callout asks and does

    Object get(String name) {
        Object value = ask(Channel.VARIABLE, name);
        // callouts may change a list that they got; the next one who asks gets it as it was
        return value instanceof ArrayList ? new ArrayList<>((ArrayList<?>) value) : value;
    }

    /** The body of a message, not decoded. */
    byte[] bytes(String message) {
        return (byte[]) ask(Channel.BYTES, message);
    }

    /** A new message: the name it goes by. */
    String make(boolean isRequest) {
        return (String) ask(Channel.NEW_MESSAGE, isRequest ? "request" : "response");
    }

    private synchronized Object ask(int question, String name) {
        check();
        boolean kept = question == Channel.VARIABLE;
        if (kept && known.containsKey(name)) {
            return known.get(name);
        }
        try {
            channel.send(
                    Channel.ASK,
                    number,
                    out -> {
                        take(out);
                        out.writeByte(question);
                        Wire.writeText(out, name);
                    });
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(answers.take()));
            in.readByte();
            in.readInt();
            Object value = Wire.read(in, this);
            if (kept) {
                known.put(name, value);
            }
            return value;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } catch (InterruptedException interruption) {
            // the answer is still to come, and must not be taken for the next one
            stopped = true;
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the callout has used up its time");
        }
    }

    synchronized boolean set(String name, Object value) {
        check();
        try {
            changing.writeByte(Channel.SET);
            Wire.writeText(changing, name);
            boolean content = value instanceof InputStream && name.endsWith(".content");
            Wire.write(changing, content ? Wire.readAll((InputStream) value) : value);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        changed(name);
        return true;
    }

    synchronized boolean remove(String name) {
        check();
        try {
            changing.writeByte(Channel.REMOVE);
            Wire.writeText(changing, name);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        changed(name);
        return true;
    }

    private void changed(String name) {
        changeCount++;
        if (known.isEmpty()) {
            return;
        }
        String root = root(name);
        boolean builtIn = BUILT_IN.contains(root);
        known.keySet().removeIf(other -> builtIn ? BUILT_IN.contains(root(other)) : root.equals(root(other)));
    }

    private static String root(String name) {
        int dot = name.indexOf('.');
        return dot < 0 ? name : name.substring(0, dot);
    }

    private void check() {
        if (ended || stopped) {
            throw new IllegalStateException(stopped ? "the callout has used up its time" : "the callout has ended");
        }
    }

    synchronized void print(byte[] bytes, int offset, int length) {
        int kept = Math.min(length, room);
        printed.write(bytes, offset, kept);
        room -= kept;
    }

    // ---- what the sidecar does with it

    void read(DataInputStream in) throws IOException {
        for (int count = in.readInt(); count > 0; count--) {
            String name = Wire.readText(in);
            known.put(name, Wire.read(in, this));
        }
    }

    void answer(byte[] frame) {
        answers.offer(frame);
    }

    /** Writes the changes since the last time, and what was printed. */
    void take(DataOutputStream out) throws IOException {
        out.writeInt(changeCount);
        changes.writeTo(out);
        changes = new ByteArrayOutputStream();
        changing = new DataOutputStream(changes);
        changeCount = 0;
        out.writeInt(printed.size());
        printed.writeTo(out);
        printed.reset();
    }

    synchronized void begin() {
        thread = Thread.currentThread();
    }

    /** Tells the result, once; after it the callout cannot change anything. */
    synchronized void end(Channel.Body result) {
        if (ended) {
            return;
        }
        ended = true;
        try {
            channel.send(
                    Channel.DONE,
                    number,
                    out -> {
                        take(out);
                        result.write(out);
                    });
        } catch (IOException gone) {
            Runtime.getRuntime().halt(0);
        }
        if (thread == Thread.currentThread()) {
            // an interruption meant this callout, not the next one on the thread
            Thread.interrupted();
        }
    }

    /** Asks the callout to stop; not synchronized, for it may be waiting for an answer. */
    void interrupt() {
        Thread running = thread;
        if (running != null && !ended) {
            running.interrupt();
        }
    }

    /** Whether the callout is what ends this process. */
    boolean isExiting() {
        Thread running = thread;
        if (running == null) {
            return false;
        }
        for (StackTraceElement frame : running.getStackTrace()) {
            if (frame.getClassName().equals("java.lang.Shutdown")) {
                return true;
            }
        }
        return false;
    }
}
