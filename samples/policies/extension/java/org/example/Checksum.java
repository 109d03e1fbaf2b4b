package org.example;

import com.apigee.flow.execution.ExecutionContext;
import com.apigee.flow.execution.ExecutionResult;
import com.apigee.flow.execution.spi.Execution;
import com.apigee.flow.message.MessageContext;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.zip.Adler32;
import java.util.zip.CRC32;

/** Puts a checksum of the message's body into a flow variable. */
public class Checksum implements Execution {
    private final String algorithm;
    private final String output;

    public Checksum(Map<String, String> properties) {
        algorithm = properties.get("algorithm");
        output = properties.get("output");
    }

    @Override
    public ExecutionResult execute(MessageContext context, ExecutionContext execution) {
        java.util.zip.Checksum sum = "CRC32".equals(algorithm) ? new CRC32() : new Adler32();
        int length = 0;
        try (InputStream body = context.getMessage().getContentAsStream()) {
            for (int next = body.read(); next >= 0; next = body.read()) {
                sum.update(next);
                length++;
            }
        } catch (IOException unreadable) {
            throw new IllegalStateException(unreadable);
        }
        if (length == 0) {
            throw new IllegalArgumentException("there is nothing to sum up");
        }
        System.out.println(length + " bytes");
        context.setVariable(output, Long.toHexString(sum.getValue()));
        return ExecutionResult.SUCCESS;
    }
}
