# Variants and genomes: parts of each are scored by jobs of their own, and put together again.


rule variants_part:
    input:
        model="results/{sample}/model/model.safetensors",
        calls=lambda wildcards: config["variants"][wildcards.calls]["vcf"],
        genome=lambda wildcards: config["genomes"][config["variants"][wildcards.calls]["genome"]],
    output:
        calls=temp("results/variants/{calls}/{sample}/{scatteritem}.vcf.gz"),
        index=temp("results/variants/{calls}/{sample}/{scatteritem}.vcf.gz.tbi"),
        record=temp("results/variants/{calls}/{sample}/{scatteritem}.vcf.gz.run.json"),
    log:
        "logs/variants/{calls}/{sample}/{scatteritem}.log",
    benchmark:
        "benchmarks/variants/{calls}/{sample}/{scatteritem}.tsv"
    params:
        shard=lambda wildcards: wildcards.scatteritem.replace("-of-", "/"),
        more=options_for_all("variants"),
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn variants {input.model} {input.calls} --genome {input.genome} --shard {params.shard} {params.more}"
        " --threads {threads} --force -o {output.calls} 2> {log}"


rule variants:
    input:
        gather.variants("results/variants/{{calls}}/{{sample}}/{scatteritem}.vcf.gz"),
    output:
        calls="results/variants/{calls}/{sample}.vcf.gz",
        index="results/variants/{calls}/{sample}.vcf.gz.tbi",
    log:
        "logs/variants/{calls}/{sample}.log",
    benchmark:
        "benchmarks/variants/{calls}/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="2h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn workflow gather {input} --force -o {output.calls} 2> {log}"


rule scan_part:
    input:
        model="results/{sample}/model/model.safetensors",
        genome=lambda wildcards: config["genomes"][wildcards.genome],
    output:
        temp("results/scans/{genome}/{sample}/{scatteritem}.{kind}"),
    log:
        "logs/scan/{genome}/{sample}/{scatteritem}.{kind}.log",
    benchmark:
        "benchmarks/scan/{genome}/{sample}/{scatteritem}.{kind}.tsv"
    params:
        shard=lambda wildcards: wildcards.scatteritem.replace("-of-", "/"),
        more=options_for_all("scan"),
        hits=branch(lambda wildcards: wildcards.kind == "bed", then=options_for_all("hits")),
    threads: 1
    resources:
        mem_mb=4000,
        runtime="8h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn scan {input.model} {input.genome} --shard {params.shard} {params.more} {params.hits}"
        " --threads {threads} --force -o {output} 2> {log}"


rule scan:
    input:
        gather.scan("results/scans/{{genome}}/{{sample}}/{scatteritem}.{{kind}}"),
    output:
        "results/scans/{genome}/{sample}.{kind}",
    log:
        "logs/scan/{genome}/{sample}.{kind}.log",
    benchmark:
        "benchmarks/scan/{genome}/{sample}.{kind}.tsv"
    params:
        overlaps="--overlaps" if "--overlaps" in options_for_all("hits").split() else "",
    threads: 1
    resources:
        mem_mb=2000,
        runtime="2h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn workflow gather {input} {params.overlaps} --force -o {output} 2> {log}"
